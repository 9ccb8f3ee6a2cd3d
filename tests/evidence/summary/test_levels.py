"""Labels to a level and labels saved, from records."""

import math

import numpy as np
import pytest

from alkit.evidence.summary import labels_saved, labels_to, summary

CURVES = {
    "uniform": [[0.2, 0.4, 0.6], [0.2, 0.5, 0.7], [0.2, 0.4, 0.5]],
    "margin": [[0.2, 0.6, 0.8], [0.2, 0.6, 0.8], [0.2, 0.6, 0.7]],
    "worst": [[0.2, 0.3, 0.4], [0.2, 0.3, 0.4], [0.2, 0.3, 0.4]],
}


def test_labels_to_a_level_say_how_many_trials_reached_it(make_records):
    uniform, margin, worst = labels_to(make_records(CURVES), 0.6)
    assert uniform["each"] == pytest.approx([30, 25, math.inf])
    assert (uniform["reached"], uniform["trials"]) == (2, 3)
    assert uniform["labels"] == pytest.approx(30)
    assert uniform["labels_high"] == math.inf
    assert margin["labels"] == pytest.approx(20)
    assert worst["labels"] == math.inf
    assert (worst["labels_least"], worst["reached"]) == (30, 0)


def test_labels_to_print_what_was_not_reached(make_records):
    lines = repr(labels_to(make_records(CURVES), 0.6)).splitlines()
    assert lines[0].split("  ")[0] == "strategy"
    assert "labels to 0.6" in lines[0]
    assert "2 of 3" in lines[1]
    assert "at least 30" in lines[3]


def test_labels_are_saved_at_the_level_where_the_reference_ended(make_records):
    margin, worst = labels_saved(make_records(CURVES))
    assert margin["level"] == pytest.approx(0.6)  # the median of 0.6, 0.7 and 0.5
    assert (margin["saved_least"], margin["saved_most"]) == (10, 10)
    assert margin["saved_low"] == pytest.approx(5)  # two or three draws of the trial with 25
    assert margin["saved_high"] == math.inf  # draws in which the reference did not arrive
    assert worst["saved_least"] == -math.inf


def test_the_level_can_be_chosen(make_records):
    margin, worst = labels_saved(make_records(CURVES), 0.4)
    assert margin["saved_least"] == pytest.approx(20 - 15)
    assert worst["saved_least"] == pytest.approx(20 - 30)
    high = labels_saved(make_records(CURVES), 0.75)
    assert [row["saved_most"] for row in high] == [math.inf, math.inf]
    assert high[0]["saved_least"] == pytest.approx(30 - 27.5)
    assert high[1]["saved_least"] == -math.inf
    assert repr(high).splitlines()[2].split() == ["worst", "unknown", "unknown"]


def test_half_of_the_reference_trials_reach_its_level_also_when_their_number_is_even(make_records):
    curves = {name: values[:2] for name, values in CURVES.items()}
    margin = labels_saved(make_records(curves))[0]
    assert margin["level"] == pytest.approx(0.6)
    assert margin["saved_least"] == margin["saved_most"]
    losses = {name: [[1 - v for v in row] for row in rows] for name, rows in curves.items()}
    row = labels_saved(make_records(losses, metric="test_loss_epoch"))[0]
    assert row["level"] == pytest.approx(0.4)
    assert row["saved_least"] == pytest.approx(margin["saved_least"])


def test_labels_saved_are_not_stated_where_the_curve_of_the_reference_is_flat(make_records):
    draws = np.random.default_rng(0)
    flat = {name: draws.normal(0.9, 0.01, size=(5, 8)) for name in ("uniform", "margin")}
    for level in (None, 0.9):
        table = labels_saved(make_records(flat), level)
        ends = ("least", "most", "low", "high")
        assert all(math.isnan(table[0][f"saved_{end}"]) for end in ends)
        assert math.isfinite(table[0]["level"])
        assert "not stated" in repr(table)
    assert "not stated" in repr(summary(make_records(flat)))
    rising = {name: values + np.linspace(0, 0.2, 8) for name, values in flat.items()}
    assert math.isfinite(labels_saved(make_records(rising))[0]["saved_least"])


def test_a_strategy_that_rises_saves_nothing_stated_if_the_reference_does_not(make_records):
    draws = np.random.default_rng(3)
    curves = {"uniform": 0.9 + draws.normal(0, 0.01, size=(5, 8))}
    curves["margin"] = curves["uniform"] + np.linspace(0, 0.1, 8)
    assert math.isnan(labels_saved(make_records(curves))[0]["saved_least"])
