import json
from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest
import torch
from torch.utils.data import TensorDataset

import alkit as al


@pytest.fixture
def bayesian(part):
    return import_module("bayesian")


@pytest.fixture
def protocol(bayesian):
    return bayesian.Protocol(
        labels=50, steps=3, batch_size=8, samples=3, images=120, tested=40, query_size=10
    )


def sets(seed):
    x = torch.randn(160, 1, 28, 28, generator=torch.Generator().manual_seed(seed))
    y = torch.arange(160) % 10
    return TensorDataset(x[:120], y[:120]), TensorDataset(x[120:], y[120:])


def curve(*accuracies):
    return [{"annotated": 20 + 10 * i, "accuracy": a} for i, a in enumerate(accuracies)]


def test_labels_are_those_of_the_first_model_that_reaches_the_level(bayesian):
    assert bayesian.labels_to(curve(0.5, 0.9, 0.8, 0.95), 0.9) == 30
    assert bayesian.labels_to(curve(0.5, 0.9), 0.95) == float("inf")


def test_the_median_counts_a_trial_that_never_reaches_the_level(bayesian):
    trials = [curve(0.9), curve(0.1, 0.1, 0.9), curve(0.1)]
    assert bayesian.median_labels_to(trials, 0.9) == 40
    assert bayesian.shown(bayesian.median_labels_to(trials[1:], 0.9)) == "not reached"


def test_the_first_labels_are_balanced_and_depend_on_the_seed(bayesian):
    labels = torch.arange(200) % 10
    chosen = bayesian.balanced(labels, 20, seed=3)
    assert np.bincount(labels[chosen]).tolist() == [2] * 10
    assert len(set(chosen.tolist())) == 20
    assert chosen.tolist() == bayesian.balanced(labels, 20, seed=3).tolist()
    assert chosen.tolist() != bayesian.balanced(labels, 20, seed=4).tolist()


def test_an_interrupted_run_resumes_with_the_same_results(bayesian, protocol, tmp_path, capsys):
    rule, trial, path = (al.BALD(), al.Power(beta=8)), ("power", 1), tmp_path / "r.jsonl"
    whole = bayesian.Record(path, protocol)
    bayesian.run(trial, rule, sets, protocol, whole)
    assert [row["annotated"] for row in whole.rows(*trial)] == [20, 30, 40, 50]

    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:2]) + lines[2][:30])
    again = bayesian.Record(path, protocol)
    assert again.seeds({"power": rule}, protocol) == []
    bayesian.run(trial, rule, sets, protocol, again)

    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row, expected in zip(rows, whole.rows(*trial), strict=True):
        for name in ("round", "annotated", "accuracy", "picked"):
            assert row[name] == expected[name]
    assert bayesian.Record(path, protocol).seeds({"power": rule}, protocol) == [1]


def test_an_accuracy_of_exactly_the_level_reaches_it(bayesian):
    for level in (0.9, 0.95):
        assert bayesian.round_off(float(torch.tensor(level))) >= level


def filled(bayesian, protocol, curves, seconds):
    record = bayesian.Record(None, protocol)
    for seed in range(5):
        for method, accuracies in curves.items():
            for round, accuracy in enumerate(accuracies):
                record.add(
                    (method, seed), round=round, annotated=20 + 10 * round, accuracy=accuracy,
                    seconds={"select": seconds.get(method, 0.001)}, picked=[0],
                )  # fmt: skip
    return record


def test_batchbald_is_judged_by_labels_and_by_time(bayesian, protocol, tmp_path, capsys):
    script = import_module("batchbald_mnist")
    good = {method: [0.5, 0.92, 0.96] for method in script.METHODS}
    seconds = {"BatchBALD": 0.1}
    record = filled(bayesian, protocol, good, seconds)
    assert script.judged(record, list(range(5)), tmp_path) == []
    assert "1/100 of the time" in capsys.readouterr().out

    poor = {**good, "BALD": [0.5] * 3, "power-entropy": [0.5, 0.5, 0.96]}
    record = filled(bayesian, protocol, poor, {"BatchBALD": 0.04})
    missed = script.judged(record, list(range(5)), tmp_path)
    assert [line.split(":")[0] for line in missed] == [
        "BALD to 90%", "BALD to 95%", "selection of power-entropy",
    ]  # fmt: skip


def test_redundancy_is_judged_by_the_gain_in_area(bayesian, protocol, capsys):
    script = import_module("redundancy")
    good = {"Random": [0.5, 0.7], "BALD": [0.5, 0.6], "power-BALD": [0.6, 0.7]}
    record = filled(bayesian, protocol, good, {})
    assert script.area(record, "BALD", [0, 1]) == pytest.approx([0.55, 0.55])
    assert script.judged(record, list(range(5))) == []
    poor = {"Random": [0.5, 0.7], "BALD": [0.5, 0.71], "power-BALD": [0.5, 0.74]}
    assert len(script.judged(filled(bayesian, protocol, poor, {}), list(range(5)))) == 2


def test_a_record_of_another_protocol_is_refused(bayesian, protocol, tmp_path):
    path = tmp_path / "r.jsonl"
    bayesian.Record(path, protocol).add(("BALD", 0), round=0, annotated=20, accuracy=0.5)
    with pytest.raises(SystemExit, match="was made with"):
        bayesian.Record(path, replace(protocol, steps=4))


def test_a_trial_ends_with_the_model_that_reaches_the_level(bayesian, protocol):
    protocol, record = replace(protocol, stop=0.0), bayesian.Record(None, protocol)
    bayesian.run(("power", 1), (al.BALD(), al.TopK()), sets, protocol, record)
    (row,) = record.rows("power", 1)
    assert row["picked"] == []
    assert record.seeds({"power": None}, protocol) == [1]
    assert record.seeds({"power": None}, replace(protocol, stop=1.1)) == []
