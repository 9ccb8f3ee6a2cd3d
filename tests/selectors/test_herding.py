"""Herding against its formula, in float64, with its weights and bandwidth."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

import alkit as al
from alkit.errors import ConfigurationError, ScoreError


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def candidates(features, known=None, scores=None):
    annotated = None if known is None else al.Prediction(features=known)
    prediction = al.Prediction(features=features)
    return al.Candidates(scores, prediction=prediction, annotated=annotated)


def unit(x):
    return (x / x.norm(dim=1, keepdim=True)).double().numpy()


def check_greedy(picks, x, known, weights, bandwidth):
    """Each pick raises the weighted mean of the coverage as much as any other could."""

    def kernel(a, b):
        return np.exp(-((cdist(a, b) / bandwidth) ** 2))

    covered = np.zeros(len(x)) if known is None else kernel(x, known).max(1)
    similar = kernel(x, x)
    for pick in picks:
        gains = weights @ np.maximum(similar - covered[:, None], 0)
        assert gains[pick] >= gains.max() - 1e-4 * max(gains.max(), 1e-2)
        covered = np.maximum(covered, similar[:, pick])


@pytest.mark.parametrize("annotated", [0, 4])
@pytest.mark.parametrize("seed", range(3))
def test_max_herding_is_the_plain_greedy(annotated, seed):
    x = torch.randn(60, 5, generator=generator(seed))
    known = torch.randn(annotated, 5, generator=generator(9)) if annotated else None
    picks = al.selectors.MaxHerding(bandwidth=0.7)(candidates(x, known), 12, generator()).positions
    check_greedy(picks, unit(x), None if known is None else unit(known), np.ones(60), 0.7)


@pytest.mark.parametrize("seed", range(3))
def test_uncertainty_herding_weighs_by_scores_and_narrows_with_the_annotated(seed):
    x, known = (torch.randn(n, 5, generator=generator(seed)) for n in (60, 6))
    known = torch.cat([known, known[:2]])  # equal samples do not count as a distance
    scores = torch.rand(60, generator=generator(1))
    picks = al.UncertaintyHerding()(candidates(x, known, scores), 12, generator()).positions
    apart = cdist(unit(known), unit(known))
    check_greedy(picks, unit(x), unit(known), scores.double().numpy(), apart[apart > 1e-6].min())


def test_what_has_no_score_need_not_be_covered():
    x = torch.tensor([[1.0, 0], [1, 0.01], [0, 1], [0.01, 1], [-1, 0]])
    scores = torch.tensor([0.0, 0, 1, 1, 0])
    (pick,) = al.UncertaintyHerding()(candidates(x, None, scores), 1, generator()).positions
    assert int(pick) in (2, 3)


def test_over_a_sample_every_group_still_gets_a_pick():
    x = torch.eye(4).repeat(60, 1)
    for selector in (al.selectors.MaxHerding(sample=80), al.UncertaintyHerding(sample=80)):
        picks = selector(candidates(x, None, torch.ones(240)), 4, generator()).positions
        assert sorted((picks % 4).tolist()) == [0, 1, 2, 3]


def test_negative_scores_raise():
    scores = torch.tensor([0.1, -0.2, 0.3])
    with pytest.raises(ScoreError, match="MinMax"):
        al.UncertaintyHerding()(candidates(torch.eye(3), None, scores), 1, generator())


@pytest.mark.parametrize("wrong", [0, -1, float("nan"), "1"])
@pytest.mark.parametrize("kind", [al.selectors.MaxHerding, al.UncertaintyHerding])
def test_a_bandwidth_that_is_not_above_zero_raises(kind, wrong):
    with pytest.raises(ConfigurationError, match="bandwidth"):
        kind(bandwidth=wrong)
