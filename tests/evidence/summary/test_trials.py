"""Trials read from records: finished and paired ones, and errors for misleading ones."""

import numpy as np
import pytest

from alkit.errors import RecordsError
from alkit.evidence.records import Records
from alkit.evidence.summary import trials

CURVES = {"margin": [[0.3, 0.5], [0.4, 0.8]], "uniform": [[0.3, 0.4], [0.4, 0.6]]}


def test_curves_come_by_strategy_and_seed(make_records):
    found = trials(make_records(CURVES))
    assert found.annotated.tolist() == [10, 20]
    assert found.spent == 20
    assert found.curves("margin").tolist() == CURVES["margin"]
    assert [part.tolist() for part in found.paired("margin")] == [
        CURVES["uniform"],
        CURVES["margin"],
    ]


def test_the_reference_is_the_named_one_or_uniform_or_the_first(make_records):
    assert trials(make_records(CURVES)).reference == "uniform"
    assert trials(make_records(CURVES, reference="margin")).reference == "margin"
    assert trials(make_records(CURVES, reference="margin")).others == ["uniform"]
    renamed = {"b": CURVES["margin"], "a": CURVES["uniform"]}
    assert trials(make_records(renamed)).reference == "b"


def test_a_gain_is_an_improvement_also_of_a_loss(make_records):
    assert trials(make_records(CURVES)).gains("margin") == pytest.approx([0.05, 0.1])
    loss = trials(make_records(CURVES, metric="testMeanSquaredError"))
    assert loss.gains("margin") == pytest.approx([-0.05, -0.1])


def test_the_protocol_declares_the_direction_of_a_metric_of_any_name(make_records):
    records = make_records(CURVES, metric="testfit", rising={"testfit": False, "other": True})
    assert trials(records).gains("margin") == pytest.approx([-0.05, -0.1])
    assert trials(make_records(CURVES, metric="testfit")).rising


def test_the_order_of_the_rows_does_not_matter(make_records):
    records = make_records(CURVES)
    shuffled = Records(list(reversed(records.rows)), records.protocol)
    assert trials(shuffled).gains("margin")[::-1] == pytest.approx(trials(records).gains("margin"))
    assert trials(shuffled).curves("margin")[::-1].tolist() == CURVES["margin"]


def test_unfinished_trials_are_left_out_and_counted(make_records):
    records = make_records(CURVES)
    records.rows = [row for row in records.rows if tuple(row[k] for k in KEY) != ("margin", 1, 1)]
    found = trials(records)
    assert found.unfinished == 1
    assert found.curves("margin").tolist() == [[0.3, 0.5]]
    assert found.curves("uniform").shape == (2, 2)
    assert found.gains("margin") == pytest.approx([0.05])


KEY = ("strategy", "seed", "round")


def test_a_strategy_without_a_finished_trial_is_not_there(make_records):
    records = make_records(CURVES)
    records.rows = [r for r in records.rows if r["strategy"] == "uniform" or r["round"] == 0]
    assert list(trials(records).values) == ["uniform"]
    records = make_records(CURVES)
    records.rows = [r for r in records.rows if r["strategy"] == "margin" or r["round"] == 0]
    with pytest.raises(RecordsError, match=r"uniform, which .* no finished trial"):
        trials(records)
    records = make_records({"margin": CURVES["margin"]}, reference="uniform")
    with pytest.raises(RecordsError, match=r"uniform, which .* no finished trial"):
        trials(records)  # nothing else takes its place


def test_only_trials_of_the_same_seed_are_paired(make_records):
    records = make_records(CURVES)
    records.rows = [
        row for row in records.rows if (row["strategy"], row["seed"]) not in [("margin", 0)]
    ]
    first, second = trials(records).paired("margin")
    assert first.tolist() == [[0.4, 0.6]]
    assert second.tolist() == [[0.4, 0.8]]
    records.rows = [
        row for row in records.rows if (row["strategy"], row["seed"]) not in [("uniform", 1)]
    ]
    assert trials(records).gains("margin").tolist() == []


def test_no_rows_a_result_that_is_not_a_number_and_unequal_budgets_are_errors(make_records):
    with pytest.raises(RecordsError, match="no rows"):
        trials(Records())
    broken = make_records({"uniform": [[0.1, np.nan]]})
    with pytest.raises(RecordsError, match="uniform, seed 0, round 1 is nan"):
        trials(broken)
    uneven = make_records(CURVES)
    uneven.rows[0]["annotated"] = 5
    with pytest.raises(RecordsError, match=r"margin, seed 0 at \[5, 20\]"):
        trials(uneven)


def test_overlap_is_test_samples_for_each_training_sample(make_records):
    assert trials(make_records(CURVES)).overlap == 0
    assert trials(make_records(CURVES, overlap={"train": 60, "test": 20})).overlap == 1 / 3
