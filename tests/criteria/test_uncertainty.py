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
from alkit.criteria import Energy, ExpectedGradientLength, MinEntropy, VariationRatio
from alkit.errors import ConfigurationError

logits = hnp.arrays(
    np.float64,
    st.tuples(st.integers(1, 6), st.integers(1, 3), st.integers(2, 5)),
    elements=st.floats(-200, 200),
)


def by_hand(outputs):
    """Probabilities, averaged over the samples, in plain numpy and float64."""
    powers = np.exp(outputs - outputs.max(-1, keepdims=True))
    return (powers / powers.sum(-1, keepdims=True)).mean(1)


def close(scores, expected):
    np.testing.assert_allclose(scores.numpy(), expected, atol=1e-9)


@given(logits)
def test_margin_is_one_minus_the_gap_of_the_two_largest(outputs):
    p = np.sort(by_hand(outputs), -1)
    close(al.Margin()(al.Prediction(torch.tensor(outputs))), 1 - (p[:, -1] - p[:, -2]))


@given(logits)
def test_ratio_is_the_second_largest_over_the_largest(outputs):
    p = np.sort(by_hand(outputs), -1)
    close(al.Ratio()(al.Prediction(torch.tensor(outputs))), p[:, -2] / p[:, -1])


@given(logits)
def test_least_confidence_is_one_minus_the_largest(outputs):
    scores = al.LeastConfidence()(al.Prediction(torch.tensor(outputs)))
    close(scores, 1 - by_hand(outputs).max(-1))


@given(logits)
def test_min_entropy_is_the_surprise_of_the_largest(outputs):
    scores = MinEntropy()(al.Prediction(torch.tensor(outputs)))
    close(scores, -np.log(by_hand(outputs).max(-1)))


@given(logits)
def test_entropy_is_scipys_in_nats(outputs):
    scores = al.Entropy()(al.Prediction(torch.tensor(outputs)))
    close(scores, scipy.stats.entropy(by_hand(outputs), axis=-1))


@given(logits, st.sampled_from([0.5, 1, 3]))
def test_energy_is_minus_scipys_logsumexp_of_the_logits(outputs, temperature):
    scores = Energy(temperature)(al.Prediction(torch.tensor(outputs)))
    of_samples = -temperature * scipy.special.logsumexp(outputs / temperature, axis=-1)
    close(scores, of_samples.mean(1))


@given(logits)
def test_scores_stay_in_their_range(outputs):
    prediction, classes = al.Prediction(torch.tensor(outputs).float()), outputs.shape[-1]
    tops = {al.Margin(): 1, al.Ratio(): 1, al.LeastConfidence(): 1 - 1 / classes}
    for criterion, top in {**tops, al.Entropy(): math.log(classes)}.items():
        scores = criterion(prediction)
        assert (scores >= -1e-6).all()
        assert (scores <= top + 1e-6).all()


@pytest.mark.parametrize("criterion", [al.Margin(), al.Ratio(), al.LeastConfidence(), al.Entropy()])
def test_the_most_uncertain_of_three_is_the_uniform_one(criterion):
    p = torch.tensor([[0.97, 0.01, 0.02], [0.34, 0.33, 0.33], [0.6, 0.3, 0.1]])
    scores = criterion(al.Prediction(p, kind="probabilities"))
    assert scores.argsort(descending=True).tolist() == [1, 2, 0]


def test_entropy_is_finite_where_softmax_underflows():
    assert al.Entropy()(al.Prediction(torch.tensor([[110.0, 0, 0]]))).tolist() == [0.0]


OF_PROBABILITIES = [
    al.Margin(),
    al.Ratio(),
    al.LeastConfidence(),
    al.Entropy(),
    MinEntropy(),
    VariationRatio(),
    ExpectedGradientLength(),
]


@pytest.mark.parametrize("criterion", [*OF_PROBABILITIES, Energy()], ids=repr)
@pytest.mark.parametrize("classes", [2, 10, 1000])
def test_a_uniform_row_outranks_a_certain_one(criterion, classes):
    logits = torch.stack([torch.zeros(classes), 50 * torch.eye(classes)[-1]])
    uniform, certain = criterion(al.Prediction(logits, features=torch.ones(2, 3)))
    assert uniform > certain


@pytest.mark.parametrize("criterion", OF_PROBABILITIES, ids=repr)
def test_adding_a_constant_to_the_logits_or_reordering_classes_changes_nothing(criterion):
    z = torch.randn(50, 2, 7, generator=torch.Generator().manual_seed(1))
    features = torch.randn(50, 3, generator=torch.Generator().manual_seed(2))
    order = torch.randperm(7, generator=torch.Generator().manual_seed(3))
    scores = criterion(al.Prediction(z, features=features))
    for changed in (z + 8, z[..., order]):
        torch.testing.assert_close(criterion(al.Prediction(changed, features=features)), scores)


@pytest.mark.parametrize("criterion", OF_PROBABILITIES, ids=repr)
def test_exact_zeros_and_ones_have_finite_scores(criterion):
    p = torch.tensor([[1.0, 0, 0], [0.5, 0.5, 0], [0, 0, 1]])
    scores = criterion(al.Prediction(p, kind="probabilities", features=torch.ones(3, 2)))
    assert torch.isfinite(scores).all()
    assert scores.argmax() == 1


def test_energy_changes_with_a_constant_and_is_high_for_unfamiliar_inputs():
    z = torch.tensor([[9.0, 0, 0], [1, 1, 1], [-5, -5, -5]])
    assert Energy()(al.Prediction(z)).argsort().tolist() == [0, 1, 2]
    torch.testing.assert_close(Energy()(al.Prediction(z + 2)), Energy()(al.Prediction(z)) - 2)


@pytest.mark.parametrize("temperature", [1, 2.5])
def test_energy_of_one_column_is_that_of_both_classes_and_highest_where_it_is_undecided(
    temperature,
):
    z = torch.tensor([[-3.0], [0.0], [1.0], [3.0]])
    both = al.Prediction(torch.cat([-z / 2, z / 2], 1), kind="logits")
    scores = Energy(temperature)(al.Prediction(z))
    torch.testing.assert_close(scores, Energy(temperature)(both))
    assert scores.argmax() == 1
    assert scores[0] == scores[3]
    torch.testing.assert_close(Energy(temperature)(al.Prediction(z, task="multilabel")), scores)


@pytest.mark.parametrize("wrong", [0, -1, math.nan, "1", None, True])
def test_a_temperature_that_is_not_a_number_above_zero_raises(wrong):
    with pytest.raises(ConfigurationError, match="number"):
        Energy(wrong)


def test_energy_prints_as_it_is_written():
    assert [repr(Energy()), repr(Energy(0.5))] == ["Energy()", "Energy(0.5)"]


def test_one_column_is_the_binary_case():
    column = al.Prediction(torch.tensor([[-3.0], [0.0], [1.0]]))
    pair = al.Prediction(torch.tensor([[0, -3.0], [0, 0.0], [0, 1.0]]))
    for criterion in (al.Margin(), al.Ratio(), al.LeastConfidence(), al.Entropy()):
        torch.testing.assert_close(criterion(column), criterion(pair))
        assert criterion(column).argmax() == 1


def test_probabilities_are_not_softmaxed_again():
    p = torch.tensor([[0.999, 0.0005, 0.0005]])
    assert al.Margin()(al.Prediction(p, kind="probabilities")).item() == pytest.approx(
        0.0015, abs=1e-6
    )


@pytest.mark.parametrize("value", [0, 2, -1.5, np.float32(2.5), torch.tensor(3)])
def test_constant_scores_all_equally_and_combines_with_other_criteria(value):
    prediction = al.Prediction(torch.randn(4, 3))
    scores = al.criteria.Constant(value)(prediction)
    assert scores.tolist() == [float(value)] * 4
    torch.testing.assert_close(
        (al.criteria.Constant(value) * al.Margin())(prediction), value * al.Margin()(prediction)
    )


@pytest.mark.parametrize("value", [math.nan, math.inf, "1", None, True, [1]])
def test_a_constant_that_is_not_a_finite_number_raises(value):
    with pytest.raises(ConfigurationError, match="number"):
        al.criteria.Constant(value)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_a_constant_needs_no_outputs(dtype):
    scores = al.criteria.Constant(2)(al.Prediction(features=torch.zeros(3, 2, dtype=dtype)))
    assert scores.tolist() == [2, 2, 2]
    assert scores.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
