"""The code of ``regression.py``, on tiny trials."""

import json
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch

import alkit as al


@pytest.fixture
def regression(part):
    return import_module("regression")


def test_the_benchmark_runs_judges_and_writes_what_it_shows(regression, tmp_path, capsys):
    out = tmp_path / "found.json"
    code = regression.main(["--seeds", "1", "--rounds", "1", "--steps", "3", "--out", str(out)])
    record, shown = json.loads(out.read_text()), capsys.readouterr().out
    assert set(record["tables"]) == {"diabetes", "houses"}
    assert code == bool(regression.missed(record["tables"]))
    assert ("missed" in shown) == bool(code)
    for table in record["tables"].values():
        assert set(table) == set(regression.methods())
        for name, line in table.items():
            assert f"{name:21s} area {line['area']:.4f}" in shown


def test_trials_of_a_seed_differ_in_their_picks_alone(regression):
    first, second = (
        regression.trial("diabetes", m, 1, 1, 4) for m in ("random", "LCMD, gradients")
    )
    assert first["labels"] == [20, 40]
    assert first["rmse"][0] == pytest.approx(second["rmse"][0], abs=1e-6)
    assert first["rmse"][1] != second["rmse"][1]


def test_the_noise_of_the_houses_is_known(regression):
    x, y, test_x, truth = regression.houses(3)
    assert x.shape == (3000, 8)
    assert len(test_x) == len(truth) == 1000
    assert torch.equal(regression.houses(3)[1], y)
    assert not torch.equal(regression.houses(4)[1], y)
    assert float(truth.std()) == pytest.approx(1, abs=0.15)


def test_a_miss_is_named(regression):
    line = {"area": 0.5, "gain": 0.1}
    peer = {**line, "agree": 1.0, "behind": 0.0, "error_of_behind": 0.01}
    table = {"LCMD": line, "LCMD, gradients": line, "bmdal_reg": peer}
    assert regression.missed({"houses": table}) == []
    table["bmdal_reg"] = {**peer, "agree": 0.5, "behind": -0.05}
    table["LCMD"] = {"area": 0.5, "gain": -0.1}
    assert len(regression.missed({"houses": table})) == 3
    assert len(regression.missed({"diabetes": table})) == 2


def test_the_record_meets_the_targets(regression):
    record = json.loads((regression.RECORD).read_text())
    assert regression.missed(record["tables"]) == []
    assert np.isfinite([row["rmse"] for row in record["rows"]]).all()


def test_the_peer_works_with_numpy_2(regression, monkeypatch):
    pytest.importorskip("bmdal_reg")
    monkeypatch.delattr(np, "Inf", raising=False)  # torchmetrics adds it on import
    rows = torch.randn(60, 4, generator=torch.Generator().manual_seed(0))
    prediction = al.Prediction(rows[:, :1], kind="values", features=rows)
    picks = [
        al.select(9, prediction=prediction, annotated=range(5), selector=selector, seed=0).indices
        for selector in (regression.Peer("linear"), al.selectors.LCMD())
    ]
    assert picks[0].tolist() == picks[1].tolist()


def test_the_page_of_methods_states_the_record(regression):
    tables = json.loads(regression.RECORD.read_text())["tables"]
    page = " ".join((Path(__file__).parents[2] / "docs" / "methods.md").read_text().split())
    gain = {data: 100 * t["LCMD"]["gain"] / t["random"]["area"] for data, t in tables.items()}
    assert (
        f"error over the rounds is {gain['diabetes']:.0f} % below that of random labels on the "
        f"diabetes data, and {gain['houses']:.0f} % below on made data, the latter within two"
    ) in page
    ours, of_houses = tables["houses"]["LCMD"], tables["houses"]
    assert ours["gain"] < 2 * ours["error_of_gain"]
    took = {name: of_houses[name]["seconds"] for name in of_houses}
    assert f"{1000 * took['LCMD']:.0f} ms, theirs {1000 * took['bmdal_reg']:.0f} ms" in page
    gradients = took["LCMD, gradients"], took["bmdal_reg, gradients"]
    assert "{:.2f} s, theirs {:.2f} s".format(*gradients) in page
    number = sum(
        p.numel()
        for p in regression.trained(torch.zeros(4, 8), torch.zeros(4, 1), 0, 0).parameters()
    )
    assert f"{round(number, -2):,} parameters" in page
