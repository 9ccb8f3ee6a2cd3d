"""Errors estimated from picks that were drawn because they are hard."""

from itertools import permutations

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st

import alkit as al
from alkit.errors import ConfigurationError
from alkit.querying.risk import Terms, mean_of

SELECTORS = [
    al.Random(),
    al.Power(2, uniform=0.1),
    al.selectors.Softmax(uniform=0.1),
    al.selectors.SoftRank(0.5),
]


def chances(order, weights):
    """Probability of each pick in turn, in proportion to the weights of the rest."""
    left, found = weights.copy(), []
    for position in order:
        found.append(left[position] / left.sum())
        left[position] = 0
    return np.array(found)


def weights_by_hand(q, total):
    """Formula of the paper, pick by pick."""
    m_all, found = len(q), []
    for m, chance in enumerate(q, start=1):
        ease = (total - m_all) / (total - m) if m < total else 0
        found.append(1 + ease * (1 / ((total - m + 1) * chance) - 1))
    return np.array(found)


@given(
    st.lists(st.floats(0.05, 5), min_size=1, max_size=5),
    st.integers(1, 5),
    st.integers(0, 2**5 - 1),
)
def test_over_all_orders_of_the_picks_the_expectation_is_the_mean_loss(weights, n, pattern):
    weights, losses = np.array(weights), np.array([pattern >> k & 1 for k in range(len(weights))])
    total = len(weights)
    n = min(n, total)
    expected = 0.0
    for order in permutations(range(total), n):
        q = chances(order, weights)
        expected += q.prod() * al.estimate_risk(losses[list(order)], q, total).value
    assert expected == pytest.approx(losses.mean(), abs=1e-9)


def test_a_plain_mean_of_the_same_picks_is_biased():
    weights, losses = np.array([4.0, 1, 1, 1]), np.array([1, 0, 0, 0])
    plain = sum(
        chances(order, weights).prod() * losses[list(order)].mean()
        for order in permutations(range(4), 2)
    )
    assert plain > losses.mean() + 0.1


@pytest.mark.parametrize("selector", SELECTORS, ids=repr)
def test_the_picks_of_every_selector_that_draws_give_an_unbiased_estimate(selector):
    rng = np.random.default_rng(0)
    scores = rng.random(300)
    wrong = rng.random(300) < scores**2  # the higher the score, the more often wrong
    candidates, generator = al.Candidates(torch.tensor(scores)), torch.Generator().manual_seed(1)
    values, plain = [], []
    for _ in range(1500):
        picks = selector(candidates, 20, generator)
        errors = wrong[picks.positions]
        values.append(al.estimate_risk(errors, picks.probabilities, 300).value)
        plain.append(errors.mean())
    noise = np.std(values) / len(values) ** 0.5
    assert abs(np.mean(values) - wrong.mean()) < 3.5 * noise
    biased = abs(np.mean(plain) - wrong.mean()) > 0.05
    assert biased is not (repr(selector) == "Random()")


@pytest.mark.parametrize("selector", SELECTORS, ids=repr)
@pytest.mark.parametrize("share", [0.05, 0.3])
def test_nine_in_ten_intervals_contain_the_true_value(selector, share):
    rng = np.random.default_rng(1)
    scores = rng.random(400)
    wrong = rng.random(400) < share * 2 * scores
    candidates, generator = al.Candidates(torch.tensor(scores)), torch.Generator().manual_seed(1)
    inside = []
    for _ in range(400):
        picks = selector(candidates, 20, generator)
        risk = al.estimate_risk(wrong[picks.positions], picks.probabilities, 400)
        inside.append(risk.low <= wrong.mean() <= risk.high)
    assert 0.84 < np.mean(inside) < 0.99


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=8), st.integers(0, 100))
def test_the_weights_agree_with_the_paper(q, more):
    q, total = np.array(q), len(q) + more
    terms = Terms.of(np.ones(len(q)), q, total)
    np.testing.assert_allclose(terms.weights, weights_by_hand(q, total))
    assert (terms.weights >= 0).all()
    risk = al.estimate_risk(np.ones(len(q)), q, total)
    np.testing.assert_allclose(risk.value, weights_by_hand(q, total).mean())
    v = terms.weights
    assert risk.effective == pytest.approx(v.sum() ** 2 / (v**2).sum())


def uniform(n, total):
    return 1 / np.arange(total, total - n, -1)


def test_for_uniform_picks_it_is_their_mean_with_a_wilson_interval():
    wrong = np.arange(40) < 6
    risk = al.estimate_risk(wrong, uniform(40, 10**9), 10**9)
    assert risk.value == pytest.approx(6 / 40)
    wilson = scipy.stats.binomtest(6, 40).proportion_ci(0.9, method="wilson")
    # errors that few labels may have missed weigh the same as the others: no change here
    assert (risk.low, risk.high) == pytest.approx(tuple(wilson), abs=1e-6)
    assert risk.effective == pytest.approx(40)
    assert not risk.degenerate


def test_labels_of_all_candidates_leave_no_uncertainty():
    risk = al.estimate_risk([1, 0, 0, 1], uniform(4, 4), 4)
    assert (risk.value, risk.low, risk.high) == pytest.approx((0.5, 0.5, 0.5))


def test_no_error_among_few_labels_does_not_mean_no_error():
    risk = al.estimate_risk(np.zeros(20, dtype=bool), uniform(20, 1000), 1000)
    assert risk.value == risk.low == 0
    wilson = scipy.stats.binomtest(0, 20).proportion_ci(0.9, method="wilson")
    assert risk.high == pytest.approx(wilson.high, rel=0.05)


def test_losses_of_any_size_are_accepted():
    rng = np.random.default_rng(0)
    losses = rng.exponential(3.0, 50)
    risk = al.estimate_risk(losses, uniform(50, 10**6), 10**6)
    assert risk.value == pytest.approx(losses.mean())
    assert risk.low < 3 < risk.high
    scaled = al.estimate_risk(10 * losses, uniform(50, 10**6), 10**6)
    assert (scaled.low, scaled.high) == pytest.approx((10 * risk.low, 10 * risk.high))


def test_a_higher_level_is_wider():
    wrong, q = np.arange(20) < 5, uniform(20, 500)
    widths = [
        risk.high - risk.low
        for risk in (al.estimate_risk(wrong, q, 500, level=level) for level in (0.5, 0.9, 0.99))
    ]
    assert widths == sorted(widths)
    assert al.estimate_risk(wrong, q, 500, level=0.5).level == 0.5


def test_degenerate_weights_are_reported():
    q = uniform(20, 1000)
    fine = al.estimate_risk(np.ones(20), q, 1000)
    q[3] /= 50  # one very unlikely pick
    heavy = al.estimate_risk(np.ones(20), q, 1000)
    assert heavy.degenerate
    assert not fine.degenerate
    assert "WARNING: few labels dominate, 20 count as" in repr(heavy)
    assert "WARNING" not in repr(fine)
    assert fine.warning == ""


def test_unreachable_candidates_are_reported():
    risk = al.estimate_risk(np.ones(20), uniform(20, 1000), 1000, unreachable=50)
    assert risk.unreachable == 0.05
    assert "5.0% of the candidates could not be picked" in repr(risk)


def test_several_queries_are_averaged_with_equal_weight_per_label():
    first = Terms.of([1, 0, 0], uniform(3, 100), 100)
    second = Terms.of([1, 1, 1, 1, 0], uniform(5, 90), 90)
    both = mean_of([first, second])
    assert both.value == pytest.approx(5 / 8)
    assert both.labels == 8
    assert both.high - both.low < mean_of([second]).high - mean_of([second]).low


def test_tensors_and_lists_give_the_same_estimate():
    q = [0.1, 0.2, 0.3]
    risk = al.estimate_risk([True, False, True], q, 20)
    assert risk == al.estimate_risk(
        torch.tensor([1, 0, 1]), torch.tensor(q, dtype=torch.float64), 20
    )


@pytest.mark.parametrize(
    ("losses", "q", "total", "options", "says"),
    [
        ([1, 0], [0.5], 10, {}, "one loss per pick"),
        ([], [], 10, {}, "at least one"),
        ([[1, 0]], [0.5, 0.5], 10, {}, "one per pick"),
        ([[1], [0, 1]], [0.5, 0.5], 10, {}, "one per pick"),
        ([1, float("nan")], [0.5, 0.5], 10, {}, "finite"),
        ([1, -1], [0.5, 0.5], 10, {}, "at least 0"),
        ([1, 0], [0.5, 0.0], 10, {}, "in \\(0, 1\\]"),
        ([1, 0], [0.5, 1.5], 10, {}, "in \\(0, 1\\]"),
        ([1, 0], [0.5, 0.5], 1, {}, "number of unannotated samples"),
        ([1, 0], [0.5, 0.5], 10, {"unreachable": 10}, "unreachable"),
        ([1, 0], [0.5, 0.5], 10, {"level": 1}, "level"),
    ],
)
def test_invalid_arguments_are_refused(losses, q, total, options, says):
    with pytest.raises(ConfigurationError, match=says):
        al.estimate_risk(losses, q, total, **options)
