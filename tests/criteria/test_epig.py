"""EPIG against the joint tables of its definition."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy

import alkit as al
from alkit.criteria import BALD, EPIG
from alkit.errors import ConfigurationError, PredictionError
from alkit.testing import check_criterion


def rows(N, K, C, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return (2 * torch.randn(N, K, C, generator=generator, dtype=torch.float64)).softmax(-1)


def prediction(p):
    return al.Prediction(p, kind="probabilities")


def definition(p, targets):
    """Mean over the targets of the divergence of the joint table from the product."""
    scores = np.zeros(len(p))
    for i, ours in enumerate(p.numpy()):
        for theirs in targets.numpy():
            table = np.mean([np.outer(a, b) for a, b in zip(ours, theirs)], axis=0)
            product = np.outer(ours.mean(0), theirs.mean(0))
            scores[i] += entropy(table.ravel(), product.ravel()) / len(targets)
    return scores


@given(st.integers(1, 6), st.integers(2, 5), st.integers(2, 4), st.integers(0, 10**6))
def test_it_is_the_mean_mutual_information_with_the_targets(M, K, C, seed):
    p, targets = rows(5, K, C, seed), rows(M, K, C, seed + 1)
    scores = EPIG(prediction(targets))(prediction(p))
    np.testing.assert_allclose(scores, definition(p, targets), atol=1e-12)


def test_blocks_do_not_change_a_score(monkeypatch):
    p, targets = rows(40, 6, 3), rows(30, 6, 3, seed=1)
    whole = EPIG(prediction(targets))(prediction(p))
    monkeypatch.setattr("alkit.criteria.epig.SIDE", 7)
    torch.testing.assert_close(EPIG(prediction(targets))(prediction(p)), whole)
    single = EPIG(prediction(targets.float()))(prediction(p.float()))
    torch.testing.assert_close(single.double(), whole, atol=2e-6, rtol=0)


def test_it_wants_what_tells_of_the_targets_and_not_of_the_model_alone():
    same, other = torch.tensor([[0.9, 0.1], [0.9, 0.1]]), torch.tensor([[0.1, 0.9], [0.1, 0.9]])
    target = torch.cat([same, other])[None]  # the samples 0 and 1 against 2 and 3
    relevant = torch.cat([same, other])
    irrelevant = torch.stack([same[0], other[0], same[0], other[0]])
    candidates = prediction(torch.stack([relevant, irrelevant]))
    bald, epig = BALD()(candidates), EPIG(prediction(target))(candidates)
    assert float(bald[0]) == pytest.approx(float(bald[1]))
    assert epig[0] > 0.1
    assert float(epig[1]) == pytest.approx(0, abs=1e-6)


def test_it_is_never_above_bald_and_equals_it_where_the_target_is_the_sample_itself():
    p, targets = rows(50, 4, 3), torch.eye(4, dtype=torch.float64)[None]
    known = EPIG(prediction(targets))  # whose label names the sample
    wide = prediction(torch.nn.functional.pad(p, (0, 1)))  # a fourth class of no chance
    torch.testing.assert_close(known(wide), BALD()(wide))
    others = EPIG(prediction(rows(7, 4, 4, seed=1)))(wide)
    assert (others <= BALD()(wide) + 1e-12).all()
    assert (others <= math.log(4)).all()


def test_one_sample_is_an_error():
    with pytest.raises(PredictionError, match=r"\(K = 1\)"):
        EPIG(prediction(rows(3, 1, 4)))(prediction(rows(9, 1, 4, 1)))


def test_a_small_gain_is_exact_in_float32():
    p = (rows(60, 5, 3) + 200).float()
    p, targets = p / p.sum(-1, keepdim=True), rows(8, 5, 3, seed=1).float()
    scores = EPIG(prediction(targets))(prediction(p))
    assert scores.max() < 1e-4
    p, targets = (part.double() / part.double().sum(-1, keepdim=True) for part in (p, targets))
    exact = definition(p, targets)
    np.testing.assert_allclose(scores.numpy(), exact, rtol=1e-3)


def test_it_keeps_the_laws_with_targets_of_the_shape_of_its_candidates():
    def epig(candidates):
        _, K, C = candidates.probabilities.shape
        if K == 1:
            return candidates.probabilities.amax((1, 2))
        return EPIG(prediction(rows(6, K, C)))(candidates)

    check_criterion(epig, uncertainty=False)


def test_it_is_a_term_as_any_other():
    p, targets = rows(30, 5, 3), rows(10, 5, 3, seed=1)
    epig = EPIG(prediction(targets))
    query = al.select(4, probabilities=p, criterion=al.Rank(epig) + al.Rank(BALD()), seed=0)
    assert set(query.shares) == {"Rank(EPIG(10 targets))", "Rank(BALD())"}
    best = al.select(1, probabilities=p, criterion=epig, seed=0)
    assert list(best) == [definition(p, targets).argmax()]


@pytest.mark.parametrize("shape", [(9, 4, 3), (9, 5, 4)])
def test_other_samples_or_classes_than_the_targets_raise(shape):
    with pytest.raises(PredictionError, match=r"\(6, 5, 3\)"):
        EPIG(prediction(rows(6, 5, 3)))(prediction(rows(*shape)))


@pytest.mark.parametrize("wrong", [None, rows(3, 2, 2), prediction(rows(0, 3, 2))])
def test_targets_that_are_no_prediction_raise(wrong):
    with pytest.raises(ConfigurationError, match="target inputs"):
        EPIG(wrong)


def test_targets_of_a_regression_have_no_probabilities():
    with pytest.raises(PredictionError, match="values"):
        EPIG(al.Prediction(torch.zeros(3, 4, 1), kind="values"))


def test_it_reads_as_what_it_looks_at():
    assert repr(EPIG(prediction(rows(6, 5, 3)))) == "EPIG(6 targets)"
