"""CoreMSE against posteriors that are reweighted by each label."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import alkit as al
from alkit.criteria import CoreMSE
from alkit.errors import ConfigurationError, PredictionError
from alkit.testing import check_criterion


def rows(N, K, C, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return (2 * torch.randn(N, K, C, generator=generator, dtype=torch.float64)).softmax(-1)


def prediction(p):
    return al.Prediction(p, kind="probabilities")


def definition(p, targets):
    """Bayes: a label reweights the posterior samples; the change of what they predict, squared."""
    scores = np.zeros(len(p))
    for i, ours in enumerate(p.numpy()):
        for y in range(ours.shape[1]):
            chance = ours[:, y].mean()
            weights = ours[:, y] / ours[:, y].sum()
            for theirs in targets.numpy():
                change = weights @ theirs - theirs.mean(0)
                scores[i] += chance * (change**2).sum() / len(targets)
    return scores


@given(st.integers(1, 6), st.integers(2, 5), st.integers(2, 4), st.integers(0, 10**6))
def test_it_is_the_expected_squared_change_of_the_predictions(M, K, C, seed):
    p, targets = rows(5, K, C, seed), rows(M, K, C, seed + 1)
    scores = CoreMSE(prediction(targets))(prediction(p))
    np.testing.assert_allclose(scores, definition(p, targets), atol=1e-12)


def test_a_label_that_nothing_depends_on_has_no_value():
    targets, p = rows(4, 6, 3), rows(9, 1, 3).expand(-1, 6, -1)
    assert CoreMSE(prediction(targets))(prediction(p)).abs().max() < 1e-15
    one_hot = torch.eye(3).repeat(1, 6, 1).reshape(3, 6, 3)
    assert torch.isfinite(CoreMSE(prediction(targets))(prediction(one_hot))).all()


def test_the_laws_hold_with_targets_of_the_shape_of_the_candidates():
    def core(candidates):
        _, K, C = candidates.probabilities.shape
        if K == 1:
            return candidates.probabilities.amax((1, 2))
        return CoreMSE(prediction(rows(6, K, C)))(candidates)

    check_criterion(core, uncertainty=False)


def test_one_posterior_sample_is_an_error():
    with pytest.raises(PredictionError, match="CoreMSE"):
        CoreMSE(prediction(rows(3, 1, 4)))(prediction(rows(9, 1, 4, 1)))


def test_other_samples_than_those_of_the_targets_are_an_error():
    with pytest.raises(PredictionError, match="targets of CoreMSE"):
        CoreMSE(prediction(rows(6, 5, 3)))(prediction(rows(9, 4, 3)))


def test_without_targets_it_cannot_score():
    with pytest.raises(ConfigurationError, match="give CoreMSE a Prediction"):
        CoreMSE()(prediction(rows(9, 4, 3)))
    with pytest.raises(ConfigurationError, match="CoreMSE needs target"):
        CoreMSE(3)
