"""Intervals of resampled differences against sums that are written out, and known variances."""

import math

import numpy as np
import pytest
from scipy import stats

from alkit.evidence.statistics import crossed_interval


def test_the_interval_is_the_one_written_out():
    nan = math.nan
    differences = np.array([[1.0, nan, 0.0, nan], [nan, 0.0, 1.0, -1.0], [0.0, 1.0, nan, nan]])
    weights = np.array([1.0, 2.0, 1.0, 3.0])
    by_resample = [1 / 2, (0 + 1 - 3) / 6, 2 / 3]
    by_label = np.array([1 / 2, 1 / 2, 1 / 2, -1.0])
    share = weights / 7
    middle = (share * by_label).sum()
    of_labels = sum(s**2 * (d - middle) ** 2 for s, d in zip(share, by_label)) * 4 / 3
    error = math.sqrt(np.var(by_resample, ddof=1) / 3 + of_labels)
    mean, low, high = crossed_interval(differences, weights)
    assert mean == pytest.approx(np.mean(by_resample))
    assert high - mean == pytest.approx(mean - low)
    assert high - mean == pytest.approx(stats.t.ppf(0.975, 2) * error)


@pytest.mark.parametrize(("resample", "label"), [(0.0, 0.1), (0.1, 0.0), (0.1, 0.3)])
def test_effects_of_resamples_and_of_labels_are_covered(resample, label):
    draws, covered = np.random.default_rng(0), []
    for _ in range(200):
        found = 0.05 + resample * draws.normal(size=(20, 1)) + label * draws.normal(size=(1, 80))
        found = found + 0.3 * draws.normal(size=(20, 80))
        for row in found:
            row[draws.permutation(80)[:40]] = np.nan
        _, low, high = crossed_interval(found, np.ones(80))
        covered.append(low < 0.05 < high)
    assert np.mean(covered) > 0.93


def test_one_resample_has_no_interval():
    mean, low, high = crossed_interval(np.array([[0.5, 0.1]]), np.ones(2))
    assert mean == pytest.approx(0.3)
    assert math.isnan(low)
    assert math.isnan(high)
