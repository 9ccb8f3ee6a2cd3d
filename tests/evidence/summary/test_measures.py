"""Tables of a comparison: by hand, and the calibration of the test that the verdict goes by."""

import math

import numpy as np
import pytest
from scipy import stats

from alkit.errors import RecordsError
from alkit.evidence import summary
from alkit.evidence.statistics import bootstrap_interval
from alkit.evidence.summary import budgets, trials_needed

CURVES = {
    "uniform": [[0.3, 0.4], [0.4, 0.6], [0.2, 0.5]],
    "margin": [[0.3, 0.6], [0.4, 0.9], [0.2, 0.6]],
    "entropy": [[0.3, 0.3], [0.4, 0.7], [0.2, 0.5]],
}
GAINS = {"margin": [0.1, 0.15, 0.05], "entropy": [-0.05, 0.05, 0.0]}


def test_each_budget_has_its_mean_and_interval(make_records):
    rows = budgets(make_records(CURVES))
    assert [(row["strategy"], row["annotated"]) for row in rows[:3]] == [
        ("uniform", 10),
        ("uniform", 20),
        ("margin", 10),
    ]
    assert rows[3]["mean"] == pytest.approx(0.7)
    expected = bootstrap_interval(np.array([0.6, 0.9, 0.6]))
    assert (rows[3]["low"], rows[3]["high"]) == pytest.approx(expected)
    assert rows[3]["trials"] == 3


def test_each_strategy_is_tested_against_the_reference_and_corrected(make_records):
    margin, entropy = summary.tests(make_records(CURVES))
    assert margin["gain"] == pytest.approx(0.1)
    assert margin["p_alone"] == pytest.approx(stats.ttest_1samp(GAINS["margin"], 0).pvalue)
    assert margin["p"] == pytest.approx(2 * margin["p_alone"])
    assert entropy["p"] == pytest.approx(max(1.0, margin["p"]))
    interval = stats.ttest_1samp(GAINS["margin"], 0).confidence_interval()
    assert (margin["gain_low"], margin["gain_high"]) == pytest.approx(tuple(interval))
    assert (margin["test"], margin["trials"], margin["reference"]) == ("paired t", 3, "uniform")
    assert margin["p_signed_rank"] == margin["least_signed_rank"] == 0.25


def test_trials_that_resample_the_split_take_the_corrected_test(make_records):
    plain = summary.tests(make_records(CURVES))[0]
    corrected = summary.tests(make_records(CURVES, overlap={"train": 30, "test": 20}))[0]
    assert corrected["test"] == "corrected resampled t"
    # 1/3 + 2/3 in place of 1/3: t is smaller by the root of three
    t = stats.t.isf(plain["p_alone"] / 2, 2) / math.sqrt(3)
    assert corrected["p_alone"] == pytest.approx(2 * stats.t.sf(t, 2))
    assert corrected["gain_low"] < plain["gain_low"]


def test_one_trial_has_a_gain_and_nothing_to_test(make_records):
    row = summary.tests(make_records({name: curves[:1] for name, curves in CURVES.items()}))[0]
    assert row["gain"] == pytest.approx(0.1)
    assert all(
        math.isnan(row[k]) for k in ("p", "p_alone", "p_signed_rank", "gain_low", "gain_high")
    )


def test_one_strategy_has_no_tests(make_records):
    assert summary.tests(make_records({"uniform": CURVES["uniform"]})) == []


def simulated(rng, strategies, trials, rounds=6):
    """Curves of one and the same strategy under several names, as paired trials give them.

    Trials differ in their initial sets, which all strategies share, and so does round 0; later
    rounds are alike within a run, and results are shares of 500 test samples.
    """
    start = rng.normal(0, 0.03, size=(1, trials, 1)) * 0.6 ** np.arange(rounds)
    noise = rng.normal(0, 0.015, size=(strategies, trials, rounds)).cumsum(2) / 2
    noise[..., 0] = 0
    mean = 0.9 - 0.5 * 0.6 ** np.arange(rounds)
    return np.round(np.clip(mean + start + noise, 0, 1) * 500) / 500


def test_uniform_against_uniform_is_called_a_difference_in_5_percent(make_records):
    """800 comparisons of five trials at level 0.05, within the binomial bounds of 99.9 %."""
    rng = np.random.default_rng(0)
    called = 0
    for _ in range(800):
        curves = simulated(rng, 2, trials=5)
        called += (
            summary.tests(make_records({"uniform": curves[0], "again": curves[1]}))[0]["p"] < 0.05
        )
    low, high = stats.binom.interval(0.999, 800, 0.05)
    assert low <= called <= high


def test_with_four_strategies_any_is_called_a_difference_in_5_percent_at_most(make_records):
    rng = np.random.default_rng(1)
    corrected = alone = 0
    for _ in range(400):
        curves = simulated(rng, 5, trials=5)
        rows = summary.tests(make_records({"uniform": curves[0], **dict(zip("abcd", curves[1:]))}))
        corrected += min(row["p"] for row in rows) < 0.05
        alone += min(row["p_alone"] for row in rows) < 0.05
    assert corrected <= stats.binom.ppf(0.9995, 400, 0.05)
    assert alone > stats.binom.ppf(0.9995, 400, 0.05)  # what Holm's correction is for


def test_trials_needed_are_planned_from_the_spread_so_far(make_records):
    # gains .1 .15 .05: sd .05; as many sd as .01 of .025 in the table of the power: 1 / 2.5
    needed = trials_needed(make_records(CURVES), 0.05)
    sd = np.std(GAINS["margin"], ddof=1)
    assert sd == pytest.approx(0.05)
    free = needed["margin"] - 1
    edge = stats.t.ppf(0.975, free)
    assert stats.nct.sf(edge, free, math.sqrt(needed["margin"])) >= 0.8
    assert set(needed) == {"margin", "entropy"}
    with pytest.raises(RecordsError, match="one trial has no spread"):
        trials_needed(make_records({k: v[:1] for k, v in CURVES.items()}), 0.05)
