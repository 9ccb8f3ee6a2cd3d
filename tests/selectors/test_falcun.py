from collections import Counter
from itertools import permutations

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

import alkit as al
from alkit.errors import ConfigurationError, PredictionError
from alkit.selectors import Candidates
from alkit.selectors.falcun import Falcun


def candidates(p):
    return Candidates(prediction=al.Prediction(torch.as_tensor(p), kind="probabilities"))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def chances_of(order, p, gamma):
    """Reference, step by step as in the paper, with explicit lists of what is left."""
    p = np.asarray(p, dtype=np.float64)
    top = np.sort(p, axis=1)
    unsure = 1 - (top[:, -1] - top[:, -2])
    distances, left, chances = unsure.copy(), list(range(len(p))), []
    for pick in order:
        d = distances[left]
        d = (d - d.min()) / np.ptp(d) if np.ptp(d) > 0 else np.zeros(len(d))
        weights = (unsure[left] + d) ** gamma
        weights = weights if weights.sum() > 0 else np.ones(len(left))
        chances.append((weights / weights.sum())[left.index(pick)])
        left.remove(pick)
        distances = np.minimum(distances, cdist(p, p[[pick]], "cityblock")[:, 0])
    return chances


def draws(n, classes, seed=0, sharp=3.0):
    return np.random.default_rng(seed).dirichlet(np.full(classes, 1 / sharp), size=n)


@given(st.integers(1, 9), st.integers(2, 5), st.integers(1, 9), st.sampled_from([1, 4.5, 10]))
@settings(max_examples=30)
def test_each_probability_is_that_of_the_paper_given_what_was_picked(total, classes, n, gamma):
    p = draws(total, classes, seed=total)
    picks = Falcun(gamma)(candidates(p), n, generator(n))
    expected = chances_of(picks.positions.tolist(), p, gamma)
    assert picks.probabilities.tolist() == pytest.approx(expected, rel=1e-5)


def test_orders_of_picks_follow_these_probabilities():
    p = [[0.6, 0.3, 0.1], [0.4, 0.3, 0.3], [0.1, 0.6, 0.3], [0.2, 0.1, 0.7]]
    counts, rng = Counter(), generator()
    known, times = candidates(p), 400
    for _ in range(times):
        counts[tuple(Falcun(1)(known, 2, rng).positions.tolist())] += 1
    orders = list(permutations(range(4), 2))
    expected = [times * np.prod(chances_of(order, p, 1)) for order in orders]
    assert min(expected) > 5
    assert scipy.stats.chisquare([counts[order] for order in orders], expected).pvalue > 1e-4


def test_a_high_gamma_picks_the_most_relevant_of_those_left():
    p = draws(30, 4, seed=3)
    order = Falcun(1e4)(candidates(p), 10, generator()).positions.tolist()
    assert chances_of(order, p, 1e3) == pytest.approx(np.ones(10), abs=0.05)


def test_predictions_that_are_all_certain_are_alike():
    picks = Falcun()(candidates(np.eye(4)[[0] * 5 + [1, 2, 3]]), 8, generator())
    assert picks.probabilities.tolist() == pytest.approx([1 / left for left in range(8, 0, -1)])


def test_posterior_samples_are_averaged():
    samples = torch.rand(8, 3, 4, generator=generator(2)).softmax(-1)
    picks = [Falcun()(candidates(p), 4, generator(5)) for p in (samples, samples.mean(1))]
    assert picks[0].positions.tolist() == picks[1].positions.tolist()


def test_values_have_no_probabilities():
    prediction = al.Prediction(torch.zeros(3, 1), kind="values")
    with pytest.raises(PredictionError, match='"values"'):
        Falcun()(Candidates(prediction=prediction), 1, generator())


@pytest.mark.parametrize("gamma", [0, -1, torch.nan, torch.inf, "10", None])
def test_a_gamma_out_of_range_raises(gamma):
    with pytest.raises(ConfigurationError, match="gamma must be a number above 0"):
        Falcun(gamma)


def test_it_prints_as_it_is_made():
    assert repr(Falcun(3)) == "Falcun(gamma=3)"
    assert repr(Falcun()) == "Falcun()"


def test_candidates_without_any_chance_are_counted():
    p = [[0.5, 0.5, 0], [0.4, 0.3, 0.3], [1, 0, 0], [0, 1, 0], [0.6, 0.2, 0.2]]
    assert Falcun()(candidates(p), 2, generator()).unreachable == 2
    assert Falcun()(candidates(p[:2] + p[4:]), 1, generator()).unreachable == 0
