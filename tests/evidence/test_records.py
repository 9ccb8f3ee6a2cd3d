"""Records: saved, loaded, and which of their results is the main one."""

import csv
import json

import pytest

from alkit.errors import FolderError
from alkit.evidence.records import Records, in_order, main_metric


def rows():
    return [
        {
            "strategy": name,
            "seed": seed,
            "round": round,
            "annotated": 10 + 10 * round,
            "steps": 7,
            "test_loss_epoch": 1.0,
            "testMulticlassAccuracy_epoch": 0.5,
            "testMulticlassAccuracy": 0.5,
            "testMulticlassAccuracy/0": 0.25,
            "picked": [1, 2],
            "why": "TopK() of Margin(), say",
        }
        for seed in (0, 1)
        for name in ("uniform", "margin")
        for round in (0, 1)
    ]


def test_the_records_can_be_read_by_anything(tmp_path):
    Records(rows(), {"seeds": [0, 1]}).save(tmp_path / "new" / "folder")
    with open(tmp_path / "new" / "folder" / "records.csv", newline="") as file:
        read = list(csv.DictReader(file))
    assert len(read) == 8
    assert read[0]["picked"] == "1 2"
    assert float(read[1]["testMulticlassAccuracy"]) == 0.5
    protocol = json.loads((tmp_path / "new" / "folder" / "protocol.json").read_text())
    assert protocol["seeds"] == [0, 1]


def test_they_come_back_as_they_were_in_the_order_of_the_protocol(tmp_path):
    protocol = {"seeds": [1, 0], "strategies": ["margin", "uniform"]}
    Records(rows(), protocol).save(tmp_path)
    loaded = Records.load(tmp_path)
    assert loaded.protocol == protocol
    assert loaded.rows == in_order(rows(), protocol)
    assert [(row["seed"], row["strategy"], row["round"]) for row in loaded.rows[:3]] == [
        (1, "margin", 0),
        (1, "margin", 1),
        (1, "uniform", 0),
    ]


def test_what_is_not_there_or_damaged_is_said(tmp_path):
    with pytest.raises(FolderError, match=r"holds no results.*records\.csv"):
        Records.load(tmp_path)
    Records(rows(), {}).save(tmp_path)
    (tmp_path / "protocol.json").write_text("{")
    with pytest.raises(FolderError, match="cannot be read"):
        Records.load(tmp_path)


def test_the_main_result_is_a_test_metric_and_neither_a_loss_nor_of_one_class():
    assert Records(rows()).metric == "testMulticlassAccuracy"
    assert main_metric(["test_loss_epoch", "testX_epoch", "testX/0"]) == "testX_epoch"
    assert main_metric(["test_loss_epoch"]) == "test_loss_epoch"
    assert Records(rows(), {"metric": "test_loss_epoch"}).metric == "test_loss_epoch"


def test_the_curves_are_of_the_trials_that_have_come_furthest():
    annotated, values = Records(rows()[:-1]).curves("margin")
    assert annotated.tolist() == [10, 20]
    assert values.shape == (1, 2)
