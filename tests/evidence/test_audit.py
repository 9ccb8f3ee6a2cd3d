"""Accuracy from an audit, against formulas by hand, and coverage by simulation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from alkit.errors import ConfigurationError
from alkit.evidence.audit import accuracy, difference, recalls


def wilson(hits, n, level):
    """Both roots of (p - share)^2 = z^2 p (1 - p) / n."""
    z, share = stats.norm.ppf((1 + level) / 2), hits / n
    return np.sort(np.roots([1 + z**2 / n, -2 * share - z**2 / n, share**2]).real)


@given(st.integers(1, 200), st.data(), st.sampled_from([0.8, 0.9, 0.95]))
def test_the_interval_solves_the_equation_of_wilson(n, data, level):
    hits = data.draw(st.integers(0, n))
    found = accuracy(np.arange(n) < hits, level)
    assert (found.value, found.n) == (hits / n, n)
    assert np.allclose([found.low, found.high], np.clip(wilson(hits, n, level), 0, 1), atol=1e-6)
    assert 0 <= found.low <= found.value <= found.high <= 1


@pytest.mark.parametrize("m", [20, 40, 100])
@pytest.mark.parametrize("truth", [0.5, 0.71, 0.9])
def test_nine_of_ten_intervals_contain_the_accuracy(m, truth):
    """Exact: sum of the probabilities of all numbers of hits whose interval contains the truth."""
    inside = 0.0
    for hits in range(m + 1):
        found = accuracy(np.arange(m) < hits)
        if found.low <= truth <= found.high:
            inside += stats.binom.pmf(hits, m, truth)
    assert 0.86 <= inside <= 0.96


@pytest.mark.parametrize("m", [10, 20, 40])
@pytest.mark.parametrize(
    ("both", "one", "other"), [(0.6, 0.2, 0.1), (0.8, 0.1, 0.1), (0.5, 0, 0.2)]
)
def test_nine_of_ten_intervals_contain_the_difference(m, both, one, other):
    """Exact: sum over all counts of samples that only one of the models predicts."""
    inside, truth = 0.0, one - other
    for b in range(m + 1):
        for c in range(m + 1 - b):
            chance = stats.multinomial.pmf([b, c, m - b - c], m, [one, other, 1 - one - other])
            first = np.arange(m) < b
            second = (np.arange(m) >= b) & (np.arange(m) < b + c)
            found = difference(first, second)
            assert found.value == pytest.approx((b - c) / m)
            inside += chance * (found.low <= truth <= found.high)
    assert 0.88 <= inside <= 0.99


def test_a_difference_is_that_of_the_paper_by_hand():
    first = np.array([True] * 7 + [False] * 13)
    second = np.array([True] * 5 + [False] * 14 + [True])  # b = 2, c = 1
    p, q, z = 3 / 22, 2 / 22, stats.norm.ppf(0.95)
    half = z * math.sqrt((p + q - (p - q) ** 2) / 22)
    found = difference(first, second)
    assert (found.value, found.n) == (0.05, 20)
    assert (found.low, found.high) == pytest.approx((p - q - half, p - q + half))
    turned = difference(second, first)
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))


def test_recalls_are_the_accuracies_of_each_class():
    labels = np.array([0, 0, 1, 1, 1, 0])
    guesses = np.array([0, 1, 1, 1, 0, 0])
    found = recalls(labels, guesses, ["cat", "dog", "owl"])
    assert list(found) == ["cat", "dog", "owl"]
    assert found["cat"] == accuracy([True, False, True])
    assert found["dog"] == accuracy([True, True, False])
    owl = found["owl"]
    assert (math.isnan(owl.value), owl.low, owl.high, owl.n) == (True, 0, 1, 0)


def test_few_samples_are_not_put_into_words():
    assert str(accuracy([])) == "not known yet (0 of at least 5 audit labels)"
    assert str(accuracy([True] * 4)) == "not known yet (4 of at least 5 audit labels)"
    assert str(accuracy([True] * 3 + [False] * 2)) == "0.60 (0.27 to 0.86)"
    assert math.isnan(difference([], []).value)


@pytest.mark.parametrize("wrong", [[0.5, 0.1], [[True], [False]], [1, 0], ["yes"]])
def test_what_is_not_a_row_of_booleans_is_refused(wrong):
    with pytest.raises(ConfigurationError, match="correct must be booleans"):
        accuracy(wrong)


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(ConfigurationError, match="same samples, got 1 and 2"):
        difference([True], [True, False])
    with pytest.raises(ConfigurationError, match="level"):
        accuracy([True], 1.0)
    with pytest.raises(ConfigurationError, match="from 0 to 1"):
        recalls([2], [0], ["cat", "dog"])
    with pytest.raises(ConfigurationError, match="2 labels came with 1"):
        recalls([0, 1], [0], ["cat", "dog"])
