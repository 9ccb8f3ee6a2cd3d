import math

import mpmath
import numpy as np
import pytest
import scipy.integrate
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import alkit as al
from alkit.criteria import (
    Context,
    ExpectedImprovement,
    RegressionBALD,
    Thompson,
    UpperConfidenceBound,
    Variance,
)
from alkit.errors import ConfigurationError, PredictionError

outputs = hnp.arrays(
    np.float64,
    st.tuples(st.integers(1, 5), st.integers(1, 4), st.just(1)),
    elements=st.floats(-100, 100).map(lambda x: round(x, 3)),
)


def values(rows, dtype=torch.float64):
    return al.Prediction(torch.as_tensor(rows, dtype=dtype), kind="values")


def of(mean, deviation, dtype=torch.float64):
    """Two samples with these moments."""
    mean, deviation = (torch.as_tensor(x, dtype=dtype) for x in (mean, deviation))
    return values(torch.stack([mean - deviation, mean + deviation], -1)[..., None], dtype)


@given(hnp.arrays(np.float64, (4, 3, 2), elements=st.floats(-100, 100)))
def test_variance_is_the_variance_of_numpy_averaged_over_the_targets(y):
    np.testing.assert_allclose(
        Variance()(values(y)).numpy(), y.var(1).mean(-1), rtol=1e-9, atol=1e-9
    )


def test_variance_is_accurate_far_from_zero():
    y = 1e4 + torch.tensor([[0.0, 1, 2], [0, 0, 0]])[..., None]
    assert Variance()(values(y, torch.float32)).tolist() == pytest.approx([2 / 3, 0], rel=1e-3)


@given(outputs, st.floats(-100, 100), st.booleans())
def test_expected_improvement_is_the_closed_form_of_a_normal(y, best, maximize):
    mean, deviation = y[..., 0].mean(1), y[..., 0].std(1)
    gain = mean - best if maximize else best - mean
    scores = ExpectedImprovement(best, maximize)(values(y)).numpy()
    assert (scores >= 0).all()
    sure = deviation < 1e-6
    z = gain / np.where(sure, 1, deviation)
    expected = gain * scipy.stats.norm.cdf(z) + deviation * scipy.stats.norm.pdf(z)
    expected = np.where(sure, np.maximum(gain, 0), expected)
    np.testing.assert_allclose(scores, expected, rtol=1e-9, atol=1e-6)


@pytest.mark.parametrize(("mean", "deviation"), [(0, 1), (2, 0.5), (-1, 2), (0.5, 0.1)])
def test_expected_improvement_is_the_expected_excess_over_the_best(mean, deviation):
    normal, best = scipy.stats.norm(mean, deviation), 0.7
    end = mean + 10 * deviation
    above, _ = scipy.integrate.quad(lambda y: (y - best) * normal.pdf(y), best, end)
    below, _ = scipy.integrate.quad(
        lambda y: (best - y) * normal.pdf(y), mean - 10 * deviation, best
    )
    prediction = of([mean], [deviation])
    assert ExpectedImprovement(best)(prediction).item() == pytest.approx(above, abs=1e-7)
    assert ExpectedImprovement(best, maximize=False)(prediction).item() == pytest.approx(
        below, abs=1e-7
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_expected_improvement_is_finite_if_all_samples_agree(dtype):
    prediction = of([3.0, 1.0, 0.5, -1e30], [0, 0, 0, 0], dtype)
    assert ExpectedImprovement(1)(prediction).tolist() == [2, 0, 0, 0]
    barely = of([3.0, 1.0, 0.5], [1e-30, 1e-30, 1e-30], dtype)
    assert ExpectedImprovement(1)(barely).tolist() == pytest.approx([2, 0, 0])


def test_expected_improvement_prefers_the_less_certain_of_equal_means():
    scores = ExpectedImprovement(0)(of([-1.0, -1.0, -1.0], [0, 1, 2]))
    assert scores.argsort().tolist() == [0, 1, 2]


@given(outputs, st.floats(-5, 5))
def test_the_upper_confidence_bound_is_beta_deviations_above_the_mean(y, beta):
    expected = y[..., 0].mean(1) + beta * y[..., 0].std(1)
    np.testing.assert_allclose(
        UpperConfidenceBound(beta)(values(y)).numpy(), expected, rtol=1e-9, atol=1e-6
    )


def test_the_lower_bound_is_minimized_by_the_negative_of_a_negative_beta():
    prediction = of([0.0, 0.0, 1.0], [0.1, 2.0, 0.1])
    assert (-UpperConfidenceBound(-1))(prediction).argmax() == 1
    assert UpperConfidenceBound(1)(prediction).argmax() == 1


def test_thompson_uses_the_same_sample_for_all_rows_and_rotates_over_rounds():
    y = torch.randn(7, 3, 1, generator=torch.Generator().manual_seed(0))
    prediction = values(y, torch.float32)
    assert Thompson()(prediction).equal(y[:, 0, 0])
    for round in range(7):
        assert Thompson().at(Context(round))(prediction).equal(y[:, round % 3, 0])
        bound = (al.Rank(Thompson()) + 1).at(Context(round))
        assert bound(prediction).equal((al.Rank(Thompson(round)) + 1)(prediction))


def test_thompson_picks_a_candidate_with_its_posterior_probability_of_being_best():
    y = torch.randn(4, 200, 1, generator=torch.Generator().manual_seed(1))
    y[2] += 1
    prediction = values(y, torch.float32)
    firsts = torch.stack([Thompson(k)(prediction).argmax() for k in range(200)])
    assert firsts.bincount(minlength=4).equal(y[..., 0].argmax(0).bincount(minlength=4))


@pytest.mark.parametrize(
    "criterion", [ExpectedImprovement(1), UpperConfidenceBound(1), Thompson()], ids=repr
)
def test_several_targets_have_no_order(criterion):
    with pytest.raises(PredictionError, match=r"one target dimension, \(N, K, 1\), got 2"):
        criterion(values(torch.randn(4, 3, 2)))


@pytest.mark.parametrize(
    "criterion",
    [Variance(), ExpectedImprovement(1), UpperConfidenceBound(1), Thompson()],
    ids=repr,
)
def test_class_outputs_are_not_values(criterion):
    with pytest.raises(PredictionError, match='kind "values", got "logits"'):
        criterion(al.Prediction(torch.randn(4, 3, 1)))
    with pytest.raises(PredictionError, match='kind "values", got features alone'):
        criterion(al.Prediction(features=torch.randn(4, 3)))


@pytest.mark.parametrize("wrong", [math.nan, math.inf, "1", None, [1.0], True])
def test_a_parameter_that_is_not_a_finite_number_raises(wrong):
    with pytest.raises(ConfigurationError, match="number"):
        ExpectedImprovement(wrong)
    with pytest.raises(ConfigurationError, match="number"):
        UpperConfidenceBound(wrong)


def test_they_print_as_they_are_written():
    assert repr(ExpectedImprovement(0.5)) == "ExpectedImprovement(0.5)"
    assert repr(ExpectedImprovement(2, False)) == "ExpectedImprovement(2, maximize=False)"
    assert repr(UpperConfidenceBound(2) + Thompson()) == "UpperConfidenceBound(2) + Thompson()"
    assert repr(Thompson().at(Context(3))) == "Thompson(3)"


def exact_improvement(mean, deviation):
    """E max(y, 0) for normal y, in 60 digits."""
    mpmath.mp.dps = 60
    m, s = mpmath.mpf(mean), mpmath.mpf(deviation)
    return float(m * mpmath.ncdf(m / s) + s * mpmath.npdf(m / s))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_expected_improvement_is_exact_far_below_the_best(dtype):
    m = torch.cat([torch.arange(-30.0, 5, 0.37), torch.tensor([-1.0, 0.0])]).to(dtype)
    y = torch.stack([m - 1, m + 1], 1)[..., None]
    scores = al.ExpectedImprovement(0.0)(al.Prediction(y, kind="values"))
    expected = [exact_improvement(value, 1) for value in m.tolist()]
    assert scores.tolist() == pytest.approx(expected, rel=1e-5 if dtype == torch.float32 else 1e-9)
    assert torch.equal(scores.argsort(), m.argsort())


def test_expected_improvement_of_a_tiny_deviation_is_the_gain():
    y = torch.tensor([[3.0, 3.0], [3.0, 3.0 + 1e-15], [-2.0, -2.0]], dtype=torch.float64)
    scores = al.ExpectedImprovement(1.0)(al.Prediction(y[..., None], kind="values"))
    assert scores.tolist() == pytest.approx([2, 2, 0])


def normals(n=40, k=6, c=2):
    generator = torch.Generator().manual_seed(8)
    mean = torch.randn(n, k, c, generator=generator, dtype=torch.float64)
    variance = torch.randn(n, k, c, generator=generator, dtype=torch.float64).exp()
    return mean, variance, al.Prediction.regression(mean, variance, samples=True)


def test_bald_of_normals_is_the_entropy_of_the_whole_minus_the_mean_entropy():
    mean, variance, prediction = normals()
    total = variance.numpy().mean(1) + mean.numpy().var(1)
    of_parts = scipy.stats.norm(scale=variance.sqrt().numpy()).entropy().mean(1)
    expected = (scipy.stats.norm(scale=total**0.5).entropy() - of_parts).sum(-1)
    np.testing.assert_allclose(RegressionBALD()(prediction), expected, rtol=1e-9)
    np.testing.assert_allclose(RegressionBALD()(prediction[3:9]), expected[3:9], rtol=1e-9)


def test_bald_of_normals_bounds_the_information_of_their_mixture():
    mean, variance, prediction = normals(5, 3, 1)
    for i, found in enumerate(RegressionBALD()(prediction).tolist()):
        parts = [
            scipy.stats.norm(float(m), float(v) ** 0.5)
            for m, v in zip(mean[i, :, 0], variance[i, :, 0], strict=True)
        ]

        def surprise(y, parts=parts):
            density = np.mean([part.pdf(y) for part in parts])
            return -density * np.log(density) if density else 0.0

        whole, _ = scipy.integrate.quad(surprise, -40, 40, limit=400)
        information = whole - np.mean([part.entropy() for part in parts])
        assert 0 <= information <= found + 1e-6
        assert found < 4 * information + 0.2


def test_noise_is_not_information():
    mean = torch.tensor([[[0.0], [0.1]], [[0.0], [1.0]]])
    variance = torch.tensor([[[9.0], [9.0]], [[0.01], [0.01]]])
    prediction = al.Prediction.regression(mean, variance, samples=True)
    assert Variance()(prediction).argmax() == 0
    assert RegressionBALD()(prediction).argmax() == 1
    same = al.Prediction.regression(torch.zeros(2, 3, 1), torch.ones(2, 3, 1), samples=True)
    assert RegressionBALD()(same).tolist() == [0, 0]


@given(hnp.arrays(np.float64, (4, 3, 1), elements=st.floats(-100, 100)), st.floats(0.01, 100))
def test_bald_of_values_is_that_of_equal_noise(y, noise):
    expected = np.log1p(y.var(1)[:, 0] / noise**2) / 2
    found = RegressionBALD(noise)(values(y)).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_bald_needs_several_distributions_and_noise():
    one = al.Prediction.regression(torch.zeros(4), torch.ones(4))
    with pytest.raises(PredictionError, match="K = 1"):
        RegressionBALD()(one)
    for noise in (0, -1, "1"):
        with pytest.raises(ConfigurationError, match="above 0"):
            RegressionBALD(noise)
    exact = al.Prediction.regression(torch.eye(3)[..., None], torch.zeros(3, 3, 1), samples=True)
    assert RegressionBALD()(exact).isfinite().all()
    assert repr(RegressionBALD()) == "RegressionBALD()"
    assert repr(RegressionBALD(0.5)) == "RegressionBALD(0.5)"


def test_a_network_with_dropout_that_returns_a_variance():
    x = torch.randn(30, 3, generator=torch.Generator().manual_seed(0))
    pool = al.ActiveLearningDataset(torch.utils.data.TensorDataset(x, x.sum(1, keepdim=True)))
    pool.annotate_random(5, seed=0)
    net = al.MCDropout(
        torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 2)), 4
    )

    def read(returned):
        return al.Prediction.regression(returned[..., :1], returned[..., 1:].exp(), samples=True)

    strategy = al.ActiveLearner(
        al.training.Regressor(net), pool, RegressionBALD(), outputs=read, seed=0
    ).build()
    query = strategy.query(4)
    (prediction,) = strategy.predictions(pool, query.indices)
    assert prediction.normal
    np.testing.assert_allclose(RegressionBALD()(prediction), query.scores, rtol=1e-5)


def test_thompson_takes_the_mean_of_each_distribution_without_its_noise():
    mean, _, prediction = normals(20, 3, 1)
    for k in range(7):
        assert Thompson(k)(prediction).tolist() == pytest.approx(mean[:, k % 3, 0].tolist())
    one = al.Prediction.regression(mean[:, 0, 0], torch.rand(20))
    assert Thompson(1)(one).tolist() == pytest.approx(mean[:, 0, 0].tolist())
