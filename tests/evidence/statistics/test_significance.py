"""Tests of differences, against scipy, tables and closed forms; and their calibration."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from alkit.evidence.statistics import holm, least_p, signed_rank_test, t_interval, t_test


@pytest.mark.parametrize("trials", [2, 5, 20])
def test_the_paired_t_test_is_that_of_scipy(trials):
    first, second = np.random.default_rng(trials).normal(size=(2, trials))
    assert t_test(first - second) == pytest.approx(stats.ttest_rel(first, second).pvalue)


def test_the_corrected_resampled_t_test_is_what_a_hand_computes():
    # mean 2, sd 1, 1/3 + 2/3 = 1: t = 2 with 2 degrees of freedom, p = 1 - t / sqrt(2 + t^2)
    assert t_test(np.array([1.0, 2.0, 3.0]), overlap=2 / 3) == pytest.approx(1 - 2 / math.sqrt(6))


def test_the_correction_holds_the_level_where_splits_overlap():
    """The mean of a split's score is shared by all splits: correlation test / (test + train)."""
    rng = np.random.default_rng(0)
    overlap, trials = 1 / 3, 10
    shared = math.sqrt(overlap / (1 + overlap)) * rng.normal(size=(1000, 1))
    own = math.sqrt(1 / (1 + overlap)) * rng.normal(size=(1000, trials))
    plain, corrected = (
        sum(t_test(row, o) < 0.05 for row in shared + own) / 1000 for o in (0, overlap)
    )
    assert plain > 0.2
    assert corrected == pytest.approx(0.05, abs=0.02)


def test_differences_without_a_spread_are_judged_by_their_signs():
    assert t_test(np.full(2, 0.1)) == 0.5
    assert t_test(np.full(6, -0.1)) == 2 / 2**6
    assert t_test(np.zeros(5)) == 1


def test_one_trial_has_no_p():
    assert math.isnan(t_test(np.array([0.3])))


@given(st.lists(st.floats(-1, 1), min_size=3, max_size=8), st.floats(0, 1))
def test_the_interval_excludes_zero_where_the_test_finds_a_difference(values, overlap):
    differences = np.array(values)
    p = t_test(differences, overlap)
    low, high = t_interval(differences, overlap)
    if differences.std() > 1e-6 and abs(p - 0.05) > 1e-9:
        assert (p < 0.05) == (low > 0 or high < 0)


@pytest.mark.parametrize("trials", [3, 5, 9, 13, 14, 30])
def test_the_signed_rank_test_is_the_exact_one_of_scipy(trials):
    differences = np.random.default_rng(trials).normal(0.3, size=trials)
    expected = stats.wilcoxon(differences, method="exact").pvalue
    assert signed_rank_test(differences) == pytest.approx(expected)


def test_the_signed_rank_test_is_exact_with_ties():
    # ranks 1.5 1.5 3.5 3.5 5, one sign against: 6 of 32 patterns are as far out
    assert signed_rank_test(np.array([1, -1, 2, 2, 3])) == pytest.approx(6 / 32)


def test_trials_without_a_difference_say_nothing():
    assert signed_rank_test(np.array([0, 0.3, 0, 0.4, 0, 0.2])) == least_p(3)
    assert signed_rank_test(np.zeros(4)) == 1


@pytest.mark.parametrize(("trials", "p"), [(5, 0.0625), (6, 0.03125), (8, 0.0078125), (1, 1)])
def test_the_least_p_is_that_of_trials_that_all_agree(trials, p):
    assert least_p(trials) == p
    assert signed_rank_test(np.arange(1, trials + 1)) == p


def test_holm_is_what_a_hand_computes():
    # 4 x .005, 3 x .01, 2 x .03, then .04, which may not fall below the one before
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]).tolist() == [1, 1]
    assert holm([0.02]).tolist() == [0.02]
    assert holm([]).tolist() == []


def test_a_test_that_could_not_be_made_does_not_count():
    adjusted = holm([math.nan, 0.02, 0.03])
    assert math.isnan(adjusted[0])
    assert adjusted[1:] == pytest.approx([0.04, 0.04])
