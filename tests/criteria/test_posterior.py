import math

import numpy as np
import pytest
import scipy.special
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import alkit as al
from alkit.criteria import BALD, Entropy, LeastConfidence, MeanStd, VariationRatio, VoteEntropy
from alkit.errors import PredictionError

logits = hnp.arrays(
    np.float64,
    st.tuples(st.integers(1, 5), st.integers(2, 5), st.integers(2, 5)),
    elements=st.floats(-200, 200),
)
ONE_HOT = torch.eye(2)


def samples(*rows):
    return al.Prediction(torch.stack(rows), kind="probabilities")


def softmax(outputs):
    powers = np.exp(outputs - outputs.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


@given(logits)
def test_bald_is_the_mean_divergence_of_a_sample_from_the_mean(outputs):
    p = softmax(outputs)
    mean = np.broadcast_to(p.mean(1, keepdims=True), p.shape)
    expected = scipy.stats.entropy(p, mean, axis=-1).mean(1)
    scores = BALD()(al.Prediction(torch.tensor(outputs))).numpy()
    np.testing.assert_allclose(scores, expected, atol=1e-9)


@given(logits)
def test_variation_ratio_and_mean_std_agree_with_numpy(outputs):
    p, prediction = softmax(outputs), al.Prediction(torch.tensor(outputs))
    np.testing.assert_allclose(
        VariationRatio()(prediction).numpy(), 1 - p.mean(1).max(-1), atol=1e-9
    )
    np.testing.assert_allclose(MeanStd()(prediction).numpy(), p.std(1).mean(-1), atol=1e-9)


@given(logits)
def test_vote_entropy_is_the_entropy_of_the_vote_counts(outputs):
    expected = [
        scipy.stats.entropy(np.bincount(row.argmax(-1), minlength=row.shape[-1]))
        for row in softmax(outputs)
    ]
    scores = VoteEntropy()(al.Prediction(torch.tensor(outputs))).numpy()
    np.testing.assert_allclose(scores, expected, atol=1e-12)


def test_votes_count_equally_however_certain_they_are():
    sure, unsure = torch.tensor([[1.0, 0], [0, 1]]), torch.tensor([[0.6, 0.4], [0.4, 0.6]])
    scores = VoteEntropy()(samples(sure, unsure, sure[[0, 0]]))
    assert scores.tolist() == pytest.approx([math.log(2), math.log(2), 0])


@given(logits)
def test_scores_stay_in_their_range(outputs):
    prediction = al.Prediction(torch.tensor(outputs).float())
    _, samples, classes = outputs.shape
    tops = {
        BALD(): math.log(min(samples, classes)),
        VoteEntropy(): math.log(min(samples, classes)),
        VariationRatio(): 1 - 1 / classes,
        MeanStd(): 0.5,
    }
    for criterion, top in tops.items():
        scores = criterion(prediction)
        assert (scores >= -1e-6).all()
        assert (scores <= top + 1e-5).all()


def test_bald_prefers_contradicting_samples_to_samples_that_agree_on_uncertainty():
    contradicting, uniform, agreeing = ONE_HOT, torch.full((2, 2), 0.5), ONE_HOT[[0, 0]]
    prediction = samples(contradicting, uniform, agreeing)
    assert BALD()(prediction).tolist() == pytest.approx([math.log(2), 0, 0])
    assert MeanStd()(prediction).tolist() == pytest.approx([0.5, 0, 0])


def test_max_entropy_is_the_entropy_of_the_mean_and_not_the_mean_of_the_entropies():
    contradicting, uniform = ONE_HOT, torch.full((2, 2), 0.5)
    prediction = samples(contradicting, uniform)
    assert Entropy()(prediction).tolist() == pytest.approx([math.log(2)] * 2)
    mean_of_entropies = Entropy()(prediction) - BALD()(prediction)
    assert mean_of_entropies.tolist() == pytest.approx([0, math.log(2)])


def test_bald_of_samples_that_agree_is_never_below_zero():
    p = torch.randn(2000, 1, 7, generator=torch.Generator().manual_seed(0)).softmax(-1)
    scores = BALD()(al.Prediction(p.repeat(1, 20, 1), kind="probabilities"))
    assert scores.min() == 0
    assert scores.max() < 1e-5


@pytest.mark.parametrize("criterion", [BALD(), VoteEntropy(), MeanStd(), 2 * BALD() + Entropy()])
def test_the_disagreement_of_one_sample_is_an_error(criterion):
    prediction = al.Prediction(torch.randn(500, 1, 10, generator=torch.Generator().manual_seed(1)))
    with pytest.raises(PredictionError, match=r"\(K = 1\).* MCDropout"):
        criterion(prediction)


@pytest.mark.parametrize("noise", [1e-1, 1e-2, 1e-3])
@pytest.mark.parametrize("sharp", [0.5, 3, 10])
def test_a_small_bald_is_exact_in_float32(noise, sharp):
    generator = torch.Generator().manual_seed(0)
    z = sharp * torch.randn(300, 1, 10, generator=generator, dtype=torch.float64)
    p = (z + noise * torch.randn(300, 20, 10, generator=generator)).softmax(-1).float()
    scores = BALD()(al.Prediction(p, kind="probabilities"))
    p = p.double().numpy()
    mean = np.broadcast_to(p.mean(1, keepdims=True), p.shape)
    exact = scipy.special.rel_entr(p, mean).sum(-1).mean(1)
    np.testing.assert_allclose(scores.numpy(), exact, rtol=2e-3, atol=1e-14)


@pytest.mark.parametrize("criterion", [BALD(), VoteEntropy(), VariationRatio(), MeanStd()])
def test_neither_the_order_of_samples_nor_that_of_classes_matters(criterion):
    z = torch.randn(30, 6, 4, generator=torch.Generator().manual_seed(2))
    scores = criterion(al.Prediction(z))
    turned = criterion(al.Prediction(z.flip(1).roll(1, -1) + 5))
    torch.testing.assert_close(scores, turned, atol=1e-6, rtol=1e-4)


def test_the_variation_ratio_is_the_least_confidence_of_the_mean():
    prediction = al.Prediction(torch.randn(30, 6, 4, generator=torch.Generator().manual_seed(3)))
    assert VariationRatio()(prediction).equal(LeastConfidence()(prediction))


def test_one_column_is_the_binary_case():
    z = torch.randn(9, 5, 1, generator=torch.Generator().manual_seed(4))
    pair = al.Prediction(torch.cat([torch.zeros_like(z), z], dim=-1))
    for criterion in (BALD(), VoteEntropy(), VariationRatio(), MeanStd()):
        torch.testing.assert_close(criterion(al.Prediction(z)), criterion(pair))


@pytest.mark.parametrize("criterion", [BALD(), VoteEntropy(), VariationRatio(), MeanStd()])
def test_values_have_no_probabilities(criterion):
    with pytest.raises(PredictionError, match="values"):
        criterion(al.Prediction(torch.randn(4, 3, 1), kind="values"))
