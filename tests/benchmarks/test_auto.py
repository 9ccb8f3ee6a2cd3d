"""The code of ``auto.py``, on tiny trials of made data."""

import json
from functools import partial
from importlib import import_module

import numpy as np
import pytest
import torch
from torch.utils.data import TensorDataset

import alkit as al

SMALL = ["MNIST, MLP, low", "TREC, frozen, low"]
WORDS = [f"common{number}" for number in range(20)]


def made(name):
    """240 samples in turn of all classes, images 8 x 8 whose brightness tells them, or texts."""
    count = 10 if "MNIST" in name else 6
    y = np.arange(240) % count
    rng = np.random.default_rng(0)
    if name == "TREC":
        words = [f"word{label} and {' '.join(rng.choice(WORDS, 3))}" for label in y]
        return np.array(words), y
    return (20 * y[:, None, None, None] + rng.integers(0, 20, (240, 1, 8, 8))).astype(np.uint8), y


@pytest.fixture
def settings(part, monkeypatch):
    module = import_module("auto_settings")
    for name, value in {"POOL": 150, "TEST": 60, "COMPONENTS": {"TREC": 8}}.items():
        monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(module, "whole", made)
    module.features.cache_clear()
    yield module
    module.features.cache_clear()


@pytest.fixture
def auto(settings, monkeypatch):
    module = import_module("auto")
    monkeypatch.setattr(module, "STEPS", 2)
    monkeypatch.setattr(settings, "ROUNDS", 1)
    quick = module.Arm(partial(al.papers.refine, passes=1, batches=9), "space", head=True)
    monkeypatch.setitem(module.ARMS, "refine", quick)
    return module


def test_there_are_settings_of_all_kinds_and_budgets(part):
    settings = import_module("auto_settings").SETTINGS
    assert len(settings) >= 14
    assert {s.group for s in settings.values()} == {"scratch", "imbalance", "frozen", "text"}
    assert settings["skewed MNIST, MLP, low"].group == "imbalance"
    assert settings["blood cells, MLP, medium"].sizes == (60, 30)
    assert settings["MNIST, frozen, high"].sizes == (300, 100)
    assert settings["TREC, frozen, low"].sizes == (6, 6)


def test_the_benchmark_runs_every_arm_judges_and_resumes(auto, tmp_path, capsys):
    out = tmp_path / "found.jsonl"
    options = ["--settings", *SMALL, "--seeds", "2", "--all", "--out", str(out)]
    code = auto.main(options)
    lines, shown = out.read_text().splitlines(), capsys.readouterr().out
    rows = [json.loads(line) for line in lines]
    ran = {(row["setting"], row["arm"], row["seed"]) for row in rows}
    wanted = {(s, a, k) for s in (*SMALL, "skewed MNIST, MLP, low") for a in auto.ARMS
              for k in (0, 1)} - {(SMALL[1], "bemps", 0), (SMALL[1], "bemps", 1)}  # fmt: skip
    assert ran == wanted
    assert len(lines) == len(wanted)
    gains = auto.gains_of(rows)
    assert code == bool(auto.missed(gains)) == ("missed" in shown)
    for arm in {*auto.ARMS} - {*auto.STREAMS}:
        assert f"\n{arm:15s} " in shown

    cut = "\n".join(lines[:-1]) + "\n" + lines[-1][:30]
    out.write_text(cut)
    assert auto.main(options) == code
    again = out.read_text().splitlines()
    assert again[:-1] == lines[:-1]
    for key in ("setting", "arm", "seed", "labels", "accuracy"):  # as if it had not been stopped
        assert json.loads(again[-1])[key] == rows[-1][key]
    assert auto.main(options) == code
    assert out.read_text().splitlines() == again


@pytest.mark.parametrize("name", SMALL)
def test_arms_of_a_seed_share_split_first_labels_and_weights(auto, name):
    rows = [
        auto.trial(auto.Trial(auto.SETTINGS[name], arm, 1, auto.ARMS[arm]))
        for arm in ("uniform 1", "ruler", "margin", "expected error")
    ]
    assert len({row["accuracy"][0] for row in rows}) == 1
    first, each = auto.SETTINGS[name].sizes
    assert rows[0]["labels"] == [first, first + each]
    assert rows[0]["accuracy"] != rows[1]["accuracy"]  # another stream


def test_a_record_of_other_budgets_is_refused(auto, tmp_path):
    out = tmp_path / "found.jsonl"
    row = {"setting": SMALL[0], "arm": "auto", "seed": 0, "labels": [5, 10], "accuracy": [0, 1]}
    out.write_text(json.dumps(row) + "\n")
    with pytest.raises(SystemExit, match="other budgets"):
        auto.main(["--settings", *SMALL, "--out", str(out)])


def test_the_classes_of_the_skewed_pool_fall_geometrically(settings, monkeypatch):
    monkeypatch.setattr(settings, "whole", lambda name: (np.zeros((9000, 1, 8, 8)), y))
    y = np.arange(9000) % 10
    monkeypatch.setattr(settings, "POOL", 1000)
    setting = settings.SETTINGS["skewed MNIST, MLP, low"]
    _, labels, _, held = settings.split(setting, 3)
    counts = np.sort(labels.bincount(minlength=10).numpy())[::-1]
    assert counts[1:5] / counts[:4] == pytest.approx(settings.SKEW, rel=0.02)
    assert len(labels) == pytest.approx(1000, abs=5)
    assert held.bincount(minlength=10).min() >= 1
    assert not torch.equal(settings.split(setting, 4)[1][:50], labels[:50])


@pytest.mark.parametrize("classes", [[2], [0, 3], [0, 1, 3]])
def test_the_linear_head_predicts_as_the_logistic_regression(settings, classes):
    x = torch.randn(40, 5, generator=torch.Generator().manual_seed(0))
    y = torch.tensor(classes)[torch.arange(40) % len(classes)]
    found = []
    for model in (
        al.Estimator(settings.Logistic(), 4),
        settings.LinearHead(settings.Logistic(), 4, width=5),
    ):
        pool = al.ActiveLearningDataset(TensorDataset(x, y))
        pool.annotate(range(30))
        strategy = al.Strategy(model, pool, seed=0).build()
        strategy.fit(max_steps=1, enable_progress_bar=False)
        found.append(strategy.module(x))
    assert found[1].double() == pytest.approx(found[0].double(), abs=1e-6)


def test_a_gain_is_over_the_mean_of_three_streams(auto):
    def row(arm, accuracy, seed=0):
        return {"setting": SMALL[0], "arm": arm, "seed": seed, "labels": [10, 20, 40],
                "accuracy": accuracy}  # fmt: skip

    streams = [row(name, [0.2, 0.3, v]) for name, v in zip(auto.STREAMS, (0.3, 0.6, 0.9))]
    rows = [*streams, row("auto", [0.2, 0.6, 0.6]), row("auto", [1, 1, 1], seed=1)]
    area = (10 * 0.4 + 20 * 0.6) / 30
    random = (10 * 0.25 + 20 * 0.45) / 30
    gains = auto.gains_of(rows)
    assert {*gains} == {"auto"}
    assert gains["auto"][SMALL[0]] == pytest.approx([area - random])


def test_a_miss_is_named(auto):
    def gains(auto_gains, ruler):
        return {
            arm: {str(k): np.array([value]) for k, value in enumerate(values)}
            for arm, values in {"auto": auto_gains, "ruler": ruler}.items()
        }

    assert auto.missed(gains([0.08, -0.006], [0.0, -0.007])) == []
    assert "mean gain" in auto.missed(gains([0.03, 0.02], [0.0, 0.0]))[0]
    assert len(auto.missed(gains([0.09, -0.006], [-0.02, 0.003]))) == 1
    assert "ruler at worst" in auto.missed(gains([0.09, -0.006], [0.02, -0.0055]))[0]


def test_the_error_of_a_mean_is_of_the_seeds(part):
    of = import_module("auto_table").mean_and_error
    draws = np.random.default_rng(0).normal([[0.1], [0.3]], 0.05, (4000, 2, 5))
    means = [of([*trial])[0] for trial in draws]
    errors = [of([*trial])[1] for trial in draws]
    assert np.mean(means) == pytest.approx(0.2, abs=0.002)
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(np.std(means), rel=0.05)


def test_the_record_meets_the_targets(part):
    auto = import_module("auto")
    rows = [json.loads(line) for line in auto.RECORD.read_text().splitlines()]
    found = auto.gains_of(rows)
    whole = dict.fromkeys(auto.SETTINGS, 5)
    for arm in ("auto", auto.RULER):
        assert {setting: len(gains) for setting, gains in found[arm].items()} == whole
    assert auto.missed(found) == []


def made_rows(arms, settings, seeds=(0, 1)):
    """Rows of arms whose accuracy in a setting is constant over the rounds: the gain, by seed."""
    return [
        {
            "setting": setting, "arm": arm, "seed": seed, "labels": [10, 20],
            "accuracy": [0.5 + gain + spread * (-1) ** seed] * 2, "query_seconds": [seconds],
        }
        for arm, (gain, spread, seconds) in arms.items()
        for setting in settings
        for seed in seeds
    ]  # fmt: skip


STREAMS = {f"uniform {k}": (0, 0, 0) for k in (1, 2, 3)}


def test_tables_have_the_gains_of_groups_the_worst_and_what_is_ahead(part):
    page = import_module("auto_table")
    arms = {**STREAMS, "ruler": (-0.001, 0.001, 0), "auto": (0.02, 0.003, 0.4)}
    rows = made_rows({**arms, "tcm": (0.01, 0, 0.2)}, ["MNIST, MLP, low", "TREC, frozen, low"])
    rows += made_rows({**arms, "tcm": (0.03, 0.003, 0.2)}, ["skewed MNIST, MLP, medium"])
    lines = page.tables(rows).splitlines()
    assert lines[0] == "Settings that are finished: 3 of 25."

    def table(first):
        return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[first:]]

    heads, _, auto, tcm, ruler, *_ = table(2)
    assert dict(zip(heads, auto)) == {
        "method": "`al.auto`", "mean": "+20 ± 2", "low": "+20 ± 2", "medium": "+20 ± 3",
        "high": "", "CPU s per query": "0.40",
    }  # fmt: skip
    assert tcm[:2] == ["TCM", "+17 ± 1"]
    assert ruler[1] == "-1 ± 1"  # last, although its mean is not asked
    heads, _, auto, tcm, *_ = table(8)
    assert dict(zip(heads, auto)) == {
        "method": "`al.auto`", "networks from scratch": "+20 ± 3", "imbalance": "+20 ± 3",
        "frozen features": "", "text": "+20 ± 3", "worst setting": "+20 ± 3 (MNIST, MLP, low)",
    }  # fmt: skip
    assert tcm[-1] == "+10 ± 0 (MNIST, MLP, low)"
    text = "\n".join(lines)
    skewed = "| skewed MNIST, MLP, medium | 10 to 20 | 0.500 | +20 ± 3 | +30 ± 3 (TCM) | -1 ± 1 |"
    assert skewed in lines
    assert "`al.auto` is highest in 2 of 3 settings." in text
    assert lines[-1] == "- skewed MNIST, MLP, medium: TCM, +10 ± 0"  # paired: the spread cancels


def test_a_setting_counts_once_all_seeds_of_all_arms_are_there(part):
    page = import_module("auto_table")
    arms = {**STREAMS, "ruler": (0, 0, 0), "auto": (0.1, 0, 0)}
    done = made_rows(arms, ["MNIST, MLP, low"], range(5))
    cut = made_rows(arms, ["MNIST, CNN, low"], range(5))[:-1]
    more = made_rows(arms, ["MNIST, MLP, low"], [5])
    assert page.whole([*done, *cut, *more]) == done


def test_the_page_shows_the_record(part):
    page = import_module("auto_table")
    shown = page.PAGE.read_text(encoding="utf-8")
    assert shown == page.page(page.read(page.RECORD)), "run python benchmarks/auto_table.py"


def test_every_arm_has_a_name_on_the_page(auto):
    assert {*auto.ARMS} - {*auto.STREAMS} == {*import_module("auto_table").NAMES}
