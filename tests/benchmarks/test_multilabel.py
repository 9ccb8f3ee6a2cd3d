"""The code of ``multilabel.py``, on tiny trials."""

import json
import os
from importlib import import_module

import numpy as np
import pytest
import torch


@pytest.fixture
def multilabel(part):
    return import_module("multilabel")


def made(n=400):
    digits = torch.arange(n) % 10
    return (25 * digits)[:, None, None].expand(n, 28, 28).byte(), digits


def test_a_pair_shows_two_digits_and_has_their_labels(multilabel):
    x, y = multilabel.pairs(*made(), 300, 1.0, 0).tensors
    assert x.shape == (300, 1, 28, 56)
    shown = ((x * 0.3081 + 0.1307) * 255 / 25).round().long()
    for pair, labels in zip(shown, y):
        left, right = pair[..., :28].unique(), pair[..., 28:].unique()
        assert labels.nonzero().flatten().tolist() == sorted({*left.tolist(), *right.tolist()})
    assert {1, 2} == set(y.sum(1).tolist())


def test_rare_digits_are_drawn_a_tenth_as_often(multilabel):
    y = multilabel.pairs(*made(), 20_000, 0.1, 0).tensors[1].float().mean(0)
    assert float(y[5:].mean() / y[:5].mean()) == pytest.approx(0.1, rel=0.15)


def test_the_benchmark_runs_judges_and_writes_what_it_shows(
    multilabel, tmp_path, monkeypatch, capsys
):
    for name, size in {"POOL": 60, "TEST": 40, "FIRST": 10, "EACH": 5}.items():
        monkeypatch.setattr(multilabel, name, size)
    sets = [multilabel.pairs(*made(), n, 0.1, 0) for n in (60, 40)]
    monkeypatch.setattr(multilabel, "data", lambda folder, rare: sets)
    out = tmp_path / "found.json"
    options = ["--seeds", "2", "--rounds", "1", "--steps", "2", "--pools", "rare"]
    code = multilabel.main([*options, "--out", str(out)])
    record, shown = json.loads(out.read_text()), capsys.readouterr().out
    rows = {row["strategy"]: row for row in record["tables"]["rare"]}
    assert set(rows) == {"uniform", *multilabel.STRATEGIES}
    assert code == bool(multilabel.missed(record["tables"])) == ("missed" in shown)
    for name, row in rows.items():
        assert row["labels"] == [10, 15]
        gains = np.subtract(row["areas"], rows["uniform"]["areas"])
        assert row["gain"] == pytest.approx(gains.mean())
        assert row["error"] == pytest.approx(abs(gains[0] - gains[1]) / 2)
        assert f"{name:13s} {row['final']:.3f}" in shown


def test_a_miss_is_named(multilabel):
    def table(gain):
        return [{"strategy": "mean margin", "gain": gain, "error": 0.01}]

    assert multilabel.missed({"even": table(-0.015), "rare": table(0.03)}) == []
    assert len(multilabel.missed({"even": table(-0.03), "rare": table(0.01)})) == 2


def test_the_record_meets_the_rule(multilabel):
    record = json.loads(multilabel.RECORD.read_text())
    assert multilabel.missed(record["tables"]) == []
    assert {*record["tables"]} == {"even", "rare"}
    assert all(len(row["areas"]) == 5 for rows in record["tables"].values() for row in rows)


@pytest.mark.skipif("ALKIT_DATA" not in os.environ, reason="no MNIST")
def test_the_pairs_are_those_of_mnist(multilabel):
    pool, test = multilabel.data(os.environ["ALKIT_DATA"], 0.1)
    assert len(pool) == 4000
    assert 0.05 < pool.tensors[1][:, 5:].sum() / pool.tensors[1].sum() < 0.12
    assert 0.45 < test.tensors[1][:, 5:].sum() / test.tensors[1].sum() < 0.55
