"""The code of ``linear_heads.py``, on tiny trials of made features."""

import json
from functools import partial
from importlib import import_module

import numpy as np
import pytest

import alkit as al

SMALL = ["TREC, wordllama, 10", "blood cells, patches, 10"]


@pytest.fixture
def heads(part, monkeypatch):
    settings, module = import_module("auto_settings"), import_module("linear_heads")
    y = np.arange(240) % 6
    x = 3 * np.eye(8)[y] + np.random.default_rng(0).normal(size=(240, 8))
    monkeypatch.setattr(settings, "POOL", 150)
    monkeypatch.setattr(settings, "TEST", 60)
    monkeypatch.setattr(settings, "whole", lambda name: (x, y if name == "TREC" else y % 3))
    monkeypatch.setattr(module, "encoded", lambda data, encoder: x.astype(np.float32) / 4)
    monkeypatch.setattr(module, "wordllama_files", lambda: None)
    monkeypatch.setattr(module, "ROUNDS", 2)
    for name in ("refine", "refine, 9"):
        quick = module.Arm(partial(al.papers.refine, passes=1, batches=9), "space", head=True)
        monkeypatch.setitem(module.ARMS, name, quick)
    return module


def test_a_setting_asks_twenty_times_for_as_much_as_at_first(part):
    settings = import_module("linear_heads").SETTINGS
    assert {s.labels[0] for s in settings.values()} == {10, 50}
    for setting in settings.values():
        assert setting.frozen
        assert len(setting.labels) == 21
        assert len({*np.diff([0, *setting.labels])}) == 1


def test_the_benchmark_runs_every_arm_judges_and_resumes(heads, tmp_path, capsys):
    out = tmp_path / "found.jsonl"
    options = ["--settings", *SMALL, "--seeds", "2", "--out", str(out)]
    code = heads.main(options)
    lines, shown = out.read_text().splitlines(), capsys.readouterr().out
    rows = [json.loads(line) for line in lines]
    ran = {(row["setting"], row["arm"], row["seed"]) for row in rows}
    assert ran == {(s, a, k) for s in SMALL for a in heads.ARMS for k in (0, 1)}
    assert all(row["labels"] == [10, 20, 30] for row in rows)
    for name in SMALL:
        assert len({row["accuracy"][0] for row in rows if row["setting"] == name}) <= 2  # seeds
    gains = heads.gains_of(rows)
    assert code == ("missed" in shown) == ("all targets are met" not in shown)
    mean, error = import_module("auto_table").mean_and_error([*gains["auto"].values()])
    assert f"| auto | {1000 * mean:+.0f} ± {1000 * error:.0f} | " in shown
    random = [
        np.mean([row["accuracy"][-1] for row in rows if row["setting"] == name and
                 row["arm"].startswith("uniform")]) for name in SMALL
    ]  # fmt: skip
    assert f"after 2 queries | | {random[0]:.3f} | {random[1]:.3f} | |\n" in shown
    assert heads.main(options) == code
    assert out.read_text().splitlines() == lines


def test_a_missing_encoder_ends_the_run_before_its_first_trial(heads, tmp_path, monkeypatch):
    def missing():
        raise SystemExit("wordllama is missing")

    monkeypatch.setattr(heads, "wordllama_files", missing)
    out = tmp_path / "found.jsonl"
    with pytest.raises(SystemExit, match="wordllama is missing"):
        heads.main(["--seeds", "1", "--out", str(out)])
    assert not out.exists()
    options = ["--settings", SMALL[1], "--arms", "ruler", "--seeds", "1", "--out", str(out)]
    assert heads.main(options) == 0
    assert len(out.read_text().splitlines()) == 4


def test_features_have_the_stated_variance_and_see_no_label(part, monkeypatch):
    heads = import_module("linear_heads")
    heads.encoded.cache_clear()
    monkeypatch.setattr(heads, "whole", lambda name: (np.array(["a", "b", "c"]), None))
    rows = np.array([[1.0, 5], [3, 5], [2, 9]])
    monkeypatch.setattr(heads, "wordllama", lambda texts: rows[["abc".index(t) for t in texts]])
    found = heads.encoded("TREC", "wordllama")
    heads.encoded.cache_clear()
    assert found.dtype == np.float32
    assert found.mean(0) == pytest.approx(0, abs=1e-6)
    assert np.mean(found**2) == pytest.approx(0.1)
    centered = rows - rows.mean(0)
    assert found / found[0, 1] == pytest.approx(centered / centered[0, 1])
