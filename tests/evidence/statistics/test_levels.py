"""Labels needed and saved: by hand, by brute force, and with unknown numbers left open."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import isotonic_regression

from alkit.evidence.statistics import in_words, labels_needed, labels_saved, median_needed

LABELS = np.array([100, 200, 300, 400])


def test_labels_are_read_off_straight_lines_between_the_points():
    values = np.array([[0.2, 0.4, 0.8, 0.9], [0.5, 0.6, 0.7, 0.8]])
    assert labels_needed(LABELS, values, 0.6) == pytest.approx([250, 200])


def test_a_dip_is_evened_out_before_the_curve_is_read():
    # 0.6 and 0.4 become 0.5 twice: 0.55 is reached halfway from there to 0.6
    values = np.array([[0.3, 0.6, 0.4, 0.6]])
    assert labels_needed(LABELS, values, 0.55) == pytest.approx([350])


def test_what_was_not_reached_is_infinite_and_never_the_maximum():
    values = np.array([[0.2, 0.4, 0.5, 0.6], [0.2, 0.4, 0.5, 0.9]])
    needed = labels_needed(LABELS, values, 0.7)
    assert needed[0] == math.inf
    assert needed[1] == pytest.approx(350)


def test_what_the_first_point_has_cost_its_labels():
    assert labels_needed(LABELS, np.array([[0.7, 0.8, 0.8, 0.9]]), 0.6).tolist() == [100]


def test_a_loss_is_reached_from_above():
    values = np.array([[1.0, 0.5, 0.3, 0.1]])
    assert labels_needed(LABELS, values, 0.4, rising=False) == pytest.approx([250])
    assert labels_needed(LABELS, values, 0.05, rising=False).tolist() == [math.inf]


def test_the_level_of_a_mean_of_equal_values_is_reached_in_spite_of_rounding():
    values = np.full((1, 4), 0.1)
    assert labels_needed(LABELS, values, sum([0.1] * 3) / 3).tolist() == [100]


@given(st.lists(st.floats(0, 1, width=16), min_size=4, max_size=4), st.floats(0, 1, width=16))
def test_the_curve_is_below_the_level_before_and_at_it_there(values, level):
    needed = labels_needed(LABELS, np.array([values]), level)[0]
    fit = isotonic_regression(values)
    before = np.arange(100, min(needed, 401) - 0.01)
    assert (np.interp(before, LABELS, fit) < level + 1e-9).all()
    if needed < math.inf:
        assert np.interp(needed, LABELS, fit) >= level - 1e-9


def test_labels_saved_is_the_difference_of_the_medians():
    saved = labels_saved(np.array([300, 350, 500]), 600, np.array([100, 200, 150]), 600)
    assert (saved.least, saved.most) == (200, 200)
    assert str(saved) == "200"
    assert saved.low <= 200 <= saved.high
    assert np.isfinite([saved.low, saved.high]).all()


def test_a_reference_that_does_not_arrive_leaves_the_savings_open_above():
    saved = labels_saved(np.array([math.inf, math.inf, 500]), 600, np.array([100, 200, 150]), 600)
    assert (saved.least, saved.most) == (450, math.inf)
    assert str(saved) == "at least 450"
    assert saved.high == math.inf


def test_a_strategy_that_does_not_arrive_leaves_them_open_below():
    saved = labels_saved(np.array([300, 350, 500]), 600, np.array([math.inf, math.inf, 150]), 600)
    assert (saved.least, saved.most) == (-math.inf, -250)
    assert str(saved) == "at most -250"


def test_nothing_is_known_where_neither_arrives():
    none = np.full(3, math.inf)
    assert str(labels_saved(none, 600, none, 600)) == "unknown"


def test_the_median_is_known_in_spite_of_a_trial_that_did_not_arrive():
    median = median_needed(np.array([100, 200, math.inf]), 600)
    assert (median.least, median.most) == (200, 200)
    assert (median.low, median.high) == (100, math.inf)


def test_one_trial_has_no_interval():
    saved = labels_saved(np.array([300]), 600, np.array([100]), 600)
    assert saved.least == 200
    assert math.isnan(saved.low)
    assert math.isnan(saved.high)


costs = st.lists(st.sampled_from([100.0, 250.0, 400.0, math.inf]), min_size=3, max_size=6)


@given(costs, st.randoms(use_true_random=False))
def test_the_bounds_hold_whatever_the_missing_labels_would_have_been(reference, random):
    """Complete the trials at random, beyond the labels spent: the difference is in the bounds."""
    other = reference[:]
    random.shuffle(other)
    bounds = labels_saved(np.array(reference), 600, np.array(other), 600)
    for _ in range(20):
        whole = [
            np.median([random.uniform(600, 5000) if math.isinf(x) else x for x in trials])
            for trials in (reference, other)
        ]
        assert bounds.least <= whole[0] - whole[1] <= bounds.most


def test_the_interval_covers_the_true_savings():
    """300 experiments of ten trials, normal labels, a saving of 200: 95 % hold it, or nearly."""
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(300):
        start = rng.normal(0, 40, size=10)
        reference, other = (at + start + rng.normal(0, 40, size=10) for at in (500, 300))
        saved = labels_saved(reference, 900, other, 900)
        held += saved.low <= 200 <= saved.high
    assert held >= 273  # 0.91


@pytest.mark.parametrize(
    ("least", "most", "words"),
    [
        (320.4, 320.4, "320"),
        (1200, 3400, "1,200 to 3,400"),
        (320, math.inf, "at least 320"),
        (-math.inf, 320, "at most 320"),
        (-math.inf, math.inf, "unknown"),
        (math.nan, math.nan, ""),
    ],
)
def test_bounds_in_words(least, most, words):
    assert in_words(least, most) == words
