"""Intervals over trials, against scipy and by how often they hold the truth."""

import math

import numpy as np
import pytest
from scipy import stats

from alkit.evidence.statistics import bootstrap_interval, t_interval
from alkit.evidence.statistics.intervals import tail


def test_the_bootstrap_is_that_of_scipy_at_the_expanded_level():
    values = np.random.default_rng(0).gamma(2, size=12)
    share = stats.norm.cdf(-math.sqrt(12 / 11) * stats.t.ppf(0.975, 11))
    assert tail(12) == pytest.approx(share)
    expected = stats.bootstrap(
        (values,), np.mean, confidence_level=1 - 2 * share, method="percentile",
        n_resamples=20_000, random_state=np.random.default_rng(1),
    ).confidence_interval  # fmt: skip
    assert bootstrap_interval(values) == pytest.approx(expected, rel=0.03)


def test_many_trials_need_no_expansion():
    assert tail(10_000) == pytest.approx(0.025, abs=1e-4)


def test_each_round_has_an_interval_of_its_own():
    values = np.random.default_rng(0).normal(size=(8, 3))
    low, high = bootstrap_interval(values)
    assert low.shape == high.shape == (3,)
    for k in range(3):
        assert (low[k], high[k]) == pytest.approx(bootstrap_interval(values[:, k]))


def test_the_same_values_have_the_same_interval():
    values = np.random.default_rng(0).normal(size=6)
    assert bootstrap_interval(values) == bootstrap_interval(values)


def test_one_trial_has_no_interval():
    low, high = bootstrap_interval(np.ones((1, 4)))
    assert np.isnan([low, high]).all()
    assert low.shape == (4,)
    assert np.isnan(t_interval(np.ones(1))).all()


@pytest.mark.parametrize(("trials", "least"), [(5, 0.88), (10, 0.92), (20, 0.92)])
def test_the_bootstrap_covers_the_mean(trials, least):
    """400 samples; five trials span less than 95 % needs, and the docstring says so."""
    rng = np.random.default_rng(trials)
    low, high = bootstrap_interval(rng.normal(size=(trials, 400)))
    assert np.mean((low < 0) & (high > 0)) >= least


def test_the_interval_of_a_paired_difference_is_that_of_scipy():
    first, second = np.random.default_rng(0).normal(size=(2, 7))
    expected = stats.ttest_rel(first, second).confidence_interval(0.95)
    assert t_interval(first - second) == pytest.approx(tuple(expected))


def test_overlapping_splits_make_it_wider_by_the_root_of_one_plus_trials_times_overlap():
    differences = np.random.default_rng(0).normal(size=4)
    low, high = t_interval(differences)
    wide_low, wide_high = t_interval(differences, overlap=0.75)  # 1/4 + 3/4 in place of 1/4
    assert wide_high - wide_low == pytest.approx(2 * (high - low))
