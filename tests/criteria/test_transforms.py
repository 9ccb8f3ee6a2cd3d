import math

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.preprocessing import minmax_scale

import alkit as al
from alkit.errors import ConfigurationError

scores = hnp.arrays(
    np.float64,
    st.integers(2, 12),
    elements=st.sampled_from([-0.0, 0.0, 1.0, -2.5])
    | st.floats(-1e6, 1e6).map(lambda x: round(x, 3)),
)


def given_scores(values):
    """A criterion that returns the values, and a prediction of the same number of candidates."""
    values = torch.as_tensor(values)
    return lambda p: values, al.Prediction(torch.zeros(len(values), 2))


@given(scores)
def test_rank_is_the_quantile_of_scipys_average_ranks(values):
    criterion, prediction = given_scores(values)
    expected = (scipy.stats.rankdata(values, method="average") - 1) / (len(values) - 1)
    np.testing.assert_allclose(al.Rank(criterion)(prediction).numpy(), expected, atol=1e-12)


@given(scores)
def test_zscore_agrees_with_scipy(values):
    criterion, prediction = given_scores(values)
    z = al.criteria.ZScore(criterion)(prediction).numpy()
    if len(np.unique(values)) == 1:
        assert not z.any()
    else:
        np.testing.assert_allclose(z, scipy.stats.zscore(values), atol=1e-6)


@given(scores)
def test_minmax_agrees_with_scikit_learn(values):
    criterion, prediction = given_scores(values)
    unit = al.criteria.MinMax(criterion)(prediction).numpy()
    if len(np.unique(values)) == 1:
        assert (unit == 0.5).all()
    else:
        np.testing.assert_allclose(unit, minmax_scale(values), atol=1e-9)


@pytest.mark.parametrize("count", [1, 7])
@pytest.mark.parametrize("value", [0.0, 0.1, -1e30])
@pytest.mark.parametrize(
    ("transform", "middle"), [(al.Rank, 0.5), (al.criteria.MinMax, 0.5), (al.criteria.ZScore, 0)]
)
def test_equal_scores_are_all_in_the_middle(transform, middle, value, count):
    criterion, prediction = given_scores(torch.full((count,), value))
    assert transform(criterion)(prediction).tolist() == [middle] * count


@pytest.mark.parametrize("transform", [al.Rank, al.criteria.MinMax, al.criteria.ZScore])
def test_no_candidates_have_no_scores(transform):
    assert transform(al.Margin())(al.Prediction(torch.zeros(0, 3))).shape == (0,)


@pytest.mark.parametrize("transform", [al.Rank, al.criteria.MinMax, al.criteria.ZScore])
def test_extreme_but_finite_scores_stay_finite_and_ordered(transform):
    criterion, prediction = given_scores(torch.tensor([-3e38, 1e-45, 0.0, 3e38]))
    result = transform(criterion)(prediction)
    assert result.argmax() == 3
    assert result.argmin() == 0
    assert result.dtype == torch.float32


@given(scores)
def test_a_rank_does_not_change_under_an_increasing_function(values):
    criterion, prediction = given_scores(values)
    rank = al.Rank(criterion)(prediction)
    torch.testing.assert_close(
        al.Rank(3 * al.criteria.as_criterion(criterion) + 1)(prediction), rank
    )


def test_transforms_declare_that_they_depend_on_other_rows_and_formulas_inherit_it():
    assert al.Margin().row_by_row
    assert (al.Margin() + 2).row_by_row
    for transform in (al.Rank, al.criteria.ZScore, al.criteria.MinMax):
        assert not transform(al.Margin()).row_by_row
        assert not (1 - al.Margin() * transform(al.Margin())).row_by_row


def test_the_terms_of_a_transform_are_those_of_its_criterion():
    margin, entropy = al.Margin(), al.Entropy()
    assert al.Rank(margin - 2 * entropy).terms == (margin, entropy)


def test_a_transform_is_computed_once_over_all_candidates_never_per_chunk():
    prediction = al.Prediction(torch.randn(50, 3, generator=torch.Generator().manual_seed(1)))
    criterion = al.Rank(al.Margin()) + 0.5 * al.Rank(al.Entropy())
    p = prediction.mean_probabilities.numpy()
    two = np.sort(p, -1)[:, -2:]
    expected = [
        scipy.stats.rankdata(1 - two[:, 1] + two[:, 0]),
        scipy.stats.rankdata(scipy.stats.entropy(p, axis=-1)),
    ]
    expected = (expected[0] - 1) / 49 + 0.5 * (expected[1] - 1) / 49
    chunks = [prediction[start : start + 7] for start in range(0, 50, 7)]
    scores = criterion.combine(
        *(torch.cat([term.score(chunk) for chunk in chunks]) for term in criterion.terms)
    )
    np.testing.assert_allclose(scores.numpy(), expected, atol=1e-6)
    torch.testing.assert_close(criterion(prediction), scores)


def test_a_transform_prints_as_it_is_written():
    assert repr(al.Rank(al.criteria.ZScore(al.Margin() + 1))) == "Rank(ZScore(Margin() + 1))"


def test_a_transform_of_something_else_raises():
    for wrong in (al.Margin, 3, "margin"):
        with pytest.raises(ConfigurationError, match="expected a Criterion"):
            al.Rank(wrong)
    with pytest.raises(TypeError):
        al.Rank()


def test_a_million_ranks_are_distinct_and_even():
    n = 1_000_000
    criterion, prediction = given_scores(
        torch.randperm(n, generator=torch.Generator().manual_seed(0)).float()
    )
    ranks = al.Rank(criterion)(prediction).sort().values
    assert len(ranks.unique()) == n
    assert ranks.double().mean().item() == pytest.approx(0.5, abs=1e-9)
    assert math.isclose(ranks[-1].item(), 1.0)
