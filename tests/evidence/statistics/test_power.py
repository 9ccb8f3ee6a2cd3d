"""Trials that a difference takes: another library's figures, a table, and counting."""

import math

import numpy as np
import pytest
from scipy import stats

from alkit.evidence.statistics import power, trials_needed

DIFFERENCES = (0.005, 0.01, 0.02, 0.03)


@pytest.mark.parametrize(
    ("trials", "effect", "expected"),
    [  # TTestPower of statsmodels 0.15
        (3, 1.0, 0.1792553937765517),
        (5, 1.0, 0.4013899173717948),
        (10, 0.5, 0.2931756065140767),
        (34, 0.5, 0.8077775012792737),
        (285, 1 / 6, 0.8007127366176618),
    ],
)
def test_the_power_is_that_of_another_library(trials, effect, expected):
    assert power(trials, effect, 1.0) == pytest.approx(expected)


def test_the_power_of_two_trials_is_what_counting_finds():
    differences = np.random.default_rng(0).normal(6, 1, size=(20_000, 2))
    found = stats.ttest_1samp(differences, 0, axis=1).pvalue < 0.05
    assert power(2, 6, 1) == pytest.approx(found.mean(), abs=0.015)


@pytest.mark.parametrize(
    ("spread", "trials"),
    [
        (0.005, (10, 5, 3, 3)),
        (0.008, (23, 8, 4, 3)),
        (0.012, (48, 14, 6, 4)),
        (0.015, (73, 20, 7, 5)),
        (0.020, (128, 34, 10, 6)),
        (0.030, (285, 73, 20, 10)),
    ],
)
def test_the_table_of_trials(spread, trials):
    assert tuple(trials_needed(difference, spread) for difference in DIFFERENCES) == trials


def test_it_is_the_first_number_of_trials_with_that_power():
    needed = trials_needed(-0.01, 0.013, chance=0.9)
    assert power(needed, 0.01, 0.013) >= 0.9 > power(needed - 1, 0.01, 0.013)


def test_no_difference_takes_forever_and_no_spread_takes_two():
    assert trials_needed(0.0, 0.01) == math.inf
    assert trials_needed(0.01, 0.0) == 2
    assert math.isnan(trials_needed(0.01, math.nan))
