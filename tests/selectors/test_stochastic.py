from collections import Counter
from itertools import permutations

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st

import alkit as al
from alkit.errors import ConfigurationError, ScoreError
from alkit.selectors import Candidates
from alkit.selectors.stochastic import Power, Softmax, SoftRank
from alkit.testing import check_selector

EVERY = [Power, Softmax, SoftRank]


def draw(selector, scores, n, seed=0):
    return selector(Candidates(torch.as_tensor(scores)), n, torch.Generator().manual_seed(seed))


def orders_of(selector, scores, n, draws):
    candidates, generator = Candidates(torch.tensor(scores)), torch.Generator().manual_seed(3)
    draw = (selector(candidates, n, generator).positions for _ in range(draws))
    return Counter(tuple(positions.tolist()) for positions in draw)


def weights_of(selector, scores):
    """Reference by the definition, in plain numbers."""
    scores = np.asarray(scores, dtype=float)
    if isinstance(selector, Power):
        raw = scores**selector.beta
    elif isinstance(selector, Softmax):
        raw = np.exp(selector.beta * scores)
    else:
        raw = scipy.stats.rankdata(-scores) ** -selector.beta
    share = selector.uniform
    return (1 - share) * raw / raw.sum() + share / len(scores)


def chances_of(order, weights):
    left, chances = weights.copy(), []
    for position in order:
        chances.append(left[position] / left.sum())
        left[position] = 0
    return chances


EXAMPLES = [
    Power(),
    Power(3, uniform=0.2),
    Power(uniform=1),
    Softmax(),
    Softmax(4, uniform=0.1),
    SoftRank(),
    SoftRank(2, uniform=0.5),
]


@pytest.mark.parametrize("selector", [Power(3, 0.2), Power(uniform=1)], ids=repr)
def test_the_laws_hold(selector):
    check_selector(selector)


@pytest.mark.parametrize("selector", [Power(3, uniform=0.2), Softmax(2), SoftRank(0.5)], ids=repr)
def test_orders_of_picks_follow_the_plackett_luce_law(selector):
    scores, draws = [0.9, 0.2, 0.5, 0.5], 600
    weights, counts = weights_of(selector, scores), orders_of(selector, scores, 2, draws)
    orders = list(permutations(range(4), 2))
    expected = [draws * np.prod(chances_of(order, weights)) for order in orders]
    assert scipy.stats.chisquare([counts[order] for order in orders], expected).pvalue > 1e-4


@given(
    st.sampled_from(EXAMPLES),
    st.lists(st.floats(0.01, 3), min_size=1, max_size=9),
    st.integers(1, 9),
    st.integers(0, 99),
)
def test_the_probability_of_each_pick_is_its_share_of_what_is_left(selector, scores, n, seed):
    picks = draw(selector, scores, n, seed)
    expected = chances_of(picks.positions.tolist(), weights_of(selector, np.float32(scores)))
    assert picks.probabilities.tolist() == pytest.approx(expected, rel=1e-6)


def test_probabilities_give_an_unbiased_mean_of_what_was_picked():
    """Weights of Farquhar et al. 2021, "On statistical bias in active learning"."""
    scores = torch.linspace(0.05, 1, 30)
    losses, n, estimates = scores.double() ** 2 + 1, 6, []
    for seed in range(300):
        picks = draw(Power(uniform=0.2), scores, n, seed)
        m = torch.arange(1, n + 1)
        v = 1 + (30 - n) / (30 - m) * (1 / ((30 - m + 1) * picks.probabilities) - 1)
        estimates.append(float((v * losses[picks.positions]).mean()))
    assert scipy.stats.ttest_1samp(estimates, float(losses.mean())).pvalue > 1e-4
    naive = [float(losses[draw(Power(), scores, n, s).positions].mean()) for s in range(40)]
    assert np.mean(naive) - losses.mean() > 0.1


def test_a_power_is_never_drawn_at_a_score_of_zero_while_others_remain():
    scores = [0.0, 0.3, 0.0, 1e-30, 0.0]
    probabilities = draw(Power(8), scores, 5).probabilities
    assert probabilities[1:].tolist() == pytest.approx([1, 1 / 3, 1 / 2, 1])
    last = Counter()
    for order, times in orders_of(Power(8), scores, 5, 300).items():
        assert set(order[:2]) == {1, 3}
        last[order[2:]] += times
    assert len(last) == 6
    assert scipy.stats.chisquare(list(last.values())).pvalue > 1e-4


def test_a_uniform_share_reaches_scores_of_zero():
    counts = orders_of(Power(uniform=0.4), [0.0, 1.0, 0.0, 0.0], 1, 400)
    expected = [40, 280, 40, 40]
    assert scipy.stats.chisquare([counts[i,] for i in range(4)], expected).pvalue > 1e-4


@pytest.mark.parametrize("selector", [Power(5), Power(5, uniform=0.1)], ids=repr)
def test_scores_that_are_all_zero_are_alike(selector):
    picks = draw(selector, torch.zeros(4), 4)
    assert picks.probabilities.tolist() == pytest.approx([1 / 4, 1 / 3, 1 / 2, 1])


@pytest.mark.parametrize("uniform", [0, 0.01])
@pytest.mark.parametrize(
    ("kind", "scores"),
    [
        (Softmax, [1e4, -1e4, 0.0, 9990.0, 1e4]),
        (Power, [1e30, 1e-30, 0.0, 1e-38, 1e30]),
        (SoftRank, [1e30, -1e30, 0.0, 5.0, 1e30]),
    ],
)
def test_extreme_scores_neither_over_nor_underflow(kind, scores, uniform):
    picks = draw(kind(8, uniform), scores, 5)
    assert picks.probabilities.isfinite().all()
    assert (picks.probabilities > 0).all()
    if not uniform:
        assert set(picks.positions[:2].tolist()) == {0, 4}
        assert float(picks.probabilities[0]) == pytest.approx(0.5, rel=0.01)


def test_what_is_left_after_large_weights_keeps_its_digits():
    scores = [40.0] + [0.0] * 9
    picks = draw(Softmax(), scores, 10)
    expected = [1, *(1 / left for left in range(9, 0, -1))]
    assert picks.probabilities.tolist() == pytest.approx(expected, rel=1e-9)


def test_probabilities_of_a_large_pool_are_exact():
    weights = torch.rand(50_000, generator=torch.Generator().manual_seed(1)).double()
    picks = draw(Power(), weights, 30_000)
    picked = weights[picks.positions]
    expected = picked / (weights.sum() - picked.cumsum(0) + picked)
    torch.testing.assert_close(picks.probabilities, expected, rtol=1e-8, atol=0)


@pytest.mark.parametrize("kind", EVERY)
def test_a_high_beta_comes_close_to_the_highest_scores(kind):
    scores = torch.tensor([0.3, 0.9, 0.1, 0.7, 0.5])
    for seed in range(5):
        assert draw(kind(1e4), scores, 3, seed).positions.tolist() == [1, 3, 4]


def test_equal_scores_share_the_mean_of_their_ranks():
    picks = draw(SoftRank(), [7.0, 7.0, 7.0], 1)
    assert float(picks.probabilities) == pytest.approx(1 / 3)


def test_scores_below_zero_raise_for_powers_and_the_error_names_a_remedy():
    with pytest.raises(ScoreError, match=r"Power\(\) needs .* got -0.5: use Softmax.*MinMax"):
        draw(Power(), [0.2, -0.5], 1)
    for kind in (Softmax, SoftRank):
        assert len(draw(kind(), [0.2, -0.5], 1)) == 1


@pytest.mark.parametrize("kind", EVERY)
def test_arguments_out_of_range_raise(kind):
    for beta in (0, -1, torch.inf, torch.nan, "1", None, True):
        with pytest.raises(ConfigurationError, match="beta must be a number above 0"):
            kind(beta)
    for uniform in (-0.1, 1.1, torch.nan, "1", None):
        with pytest.raises(ConfigurationError, match=r"uniform must be a number in \[0, 1\]"):
            kind(uniform=uniform)


def test_they_print_as_they_are_made():
    assert repr(Power()) == "Power()"
    assert repr(Softmax(8, uniform=0.1)) == "Softmax(beta=8, uniform=0.1)"


def test_a_selection_from_plain_arrays_carries_the_probabilities():
    probabilities = torch.tensor([[0.5, 0.5], [0.9, 0.1], [0.6, 0.4]])
    query = al.select(2, probabilities=probabilities, selector=Power(4, uniform=0.1), seed=0)
    assert query.probabilities.shape == (2,)


@pytest.mark.parametrize("n", [2, 5])
def test_candidates_of_weight_zero_are_counted(n):
    scores = [0.0, 0.5, 0.0, 1.0, 0.25, 0.0]
    assert draw(Power(), scores, n).unreachable == 3
    assert draw(Power(uniform=0.1), scores, n).unreachable == 0
    assert draw(Softmax(), scores, n).unreachable == 0
    mixed = al.selectors.Mix((0.5, al.Random()), (0.5, Power()))
    assert draw(mixed, [0.0] * 4 + [1.0] * 8, 4).unreachable in range(2, 5)
