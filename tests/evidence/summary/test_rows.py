"""The summary: what a hand computes, and what it prints."""

import json
import math

import numpy as np
import pytest

from alkit.evidence import summary as tables
from alkit.evidence.statistics import areas, bootstrap_interval
from alkit.evidence.summary import labels_saved, summary

CURVES = {
    "uniform": [[0.3, 0.5, 0.6], [0.3, 0.7, 0.8], [0.4, 0.5, 0.7]],
    "margin": [[0.3, 0.7, 0.8], [0.3, 0.8, 0.9], [0.4, 0.6, 0.8]],
}


def test_the_row_of_a_strategy_is_what_a_hand_computes(make_records):
    row = summary(make_records(CURVES))[1]
    assert (row["strategy"], row["trials"], row["labels"]) == ("margin", 3, 30)
    assert row["final"] == pytest.approx(2.5 / 3)
    assert (row["final_low"], row["final_high"]) == (0.8, 0.9)
    each = [0.625, 0.7, 0.6]
    assert row["area"] == pytest.approx(np.mean(each))
    expected = bootstrap_interval(np.array(each))
    assert (row["area_low"], row["area_high"]) == pytest.approx(expected)
    log = areas(np.array([10, 20, 30]), np.array(CURVES["margin"]), log=True)
    assert row["area_log"] == pytest.approx(log.mean())
    assert row["gain"] == pytest.approx(np.mean([0.15, 0.075, 0.075]))
    assert row["trials_ahead"] == 3
    assert (row["steps"], row["steps_a_trial"]) == (7, 21)
    assert (row["seconds_a_round"], row["seconds_a_trial"]) == (2, 6)
    phases = [row[f"seconds_{phase}"] for phase in ("train", "test", "score", "select")]
    assert phases == [1, 0.5, 0.25, 0.25]


def test_tests_and_savings_are_those_of_their_own_tables(make_records):
    records = make_records(CURVES)
    row, test, saved = summary(records)[1], tables.tests(records)[0], labels_saved(records)[0]
    for key in ("gain", "gain_low", "gain_high", "p"):
        assert row[key] == test[key]
    for key in ("level", "saved_least", "saved_most", "saved_low", "saved_high"):
        assert row[key] == saved[key]


def test_the_reference_is_not_compared_with_itself(make_records):
    row = summary(make_records(CURVES))[0]
    assert (row["gain"], row["trials_ahead"]) == (0, 0)
    assert all(math.isnan(row[key]) for key in ("p", "gain_low", "level", "saved_least"))


def test_every_value_is_plain(make_records):
    rows = json.loads(json.dumps(summary(make_records(CURVES))))
    assert rows[1]["area"] == pytest.approx(0.6416667)


def test_it_prints_intervals_in_a_line_that_fits_a_wide_terminal(make_records):
    lines = repr(summary(make_records(CURVES))).splitlines()
    assert "gain (95 %)" in lines[0]
    assert "0.642 (0.600 to 0.700)" in lines[2]
    assert max(map(len, lines)) <= 140


def test_records_without_some_phases_and_one_trial_are_read_too(make_records):
    records = make_records({name: curves[:1] for name, curves in CURVES.items()})
    for row in records.rows:
        del row["seconds_score"], row["seconds_select"]
    row = summary(records)[1]
    assert row["seconds_a_round"] == 1.5
    assert math.isnan(row["seconds_score"])
    assert math.isnan(row["area_low"])
    assert math.isnan(row["saved_least"])  # three rounds of one trial may rise by chance
    assert "0.625" in repr(summary(records))
