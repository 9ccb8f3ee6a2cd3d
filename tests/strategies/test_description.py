"""Descriptions of values: another value, another description; the same one, the same."""

import functools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch import nn

from alkit.querying import Auto
from alkit.selectors import Frozen, Given, Inputs, Whitened
from alkit.strategies.description import MOST, described, unchanged
from alkit.strategies.sources import is_installed


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Make a module of the user with given text."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(text, **names):
        path = tmp_path / "of_the_user.py"
        path.write_text(text)
        scope = {"__name__": "of_the_user", **names}
        exec(compile(text, str(path), "exec"), scope)
        return scope

    return make


def closed(value):
    def inner():
        return value

    return inner


class Sign:
    def __init__(self, sign):
        self.sign, self.calls = sign, 0

    def __call__(self, prediction):
        self.calls += 1
        return self.sign * prediction


class Slotted:
    __slots__ = ("sign",)

    def __init__(self, sign):
        self.sign = sign


class Scaled(nn.Module):
    def __init__(self, sign):
        super().__init__()
        self.settings = {"sign": sign}


KINDS = {
    "a closure": closed,
    "a closure of a closure": lambda value: closed(closed(value)),
    "a default": lambda value: lambda x, sign=value: x,
    "a partial": lambda value: functools.partial(print, end=value),
    "a partial within a list": lambda value: [functools.partial(print, value)],
    "an object": Sign,
    "a method": lambda value: Sign(value).__call__,
    "slots": Slotted,
    "a module's dict": Scaled,
    "a dict": lambda value: {"a": {"b": value}},
    "a set": lambda value: {"a", value},
    "an array": lambda value: np.full(9, value),
    "a short tensor": lambda value: torch.tensor(value),
    "a long list": lambda value: [value] * 500,
    "objects in a tuple": lambda value: (Sign(0), Sign(value)),
    "a path": lambda value: Path(f"folder-{value}"),
    "one value of a large array": lambda value: one_of_many(value),
    "given rows": lambda value: Given(one_of_many(value).reshape(-1, 64)),
    "a whitened space": lambda value: Whitened(Given(one_of_many(value).reshape(-1, 64))),
    "an encoder": lambda value: Auto(Frozen(encoder(value))),
    "a transformer": lambda value: Frozen(PCA(3, tol=value)),
    "components": lambda value: Inputs(50 + value),
}


def one_of_many(value):
    array = np.zeros(2**19, np.float32)
    array[12_345] = value
    return array


def encoder(value):
    layer = nn.Linear(2, 3)
    for weights in layer.parameters():
        nn.init.constant_(weights, value)
    return layer


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_another_value_is_another_description_and_the_same_is_the_same(make):
    assert described(make(1)) == described(make(1))
    assert described(make(1)) != described(make(-1))


@pytest.mark.parametrize(
    "code", ["LR", "(lambda: LR)()", "own()", "Net().step()", "[LR for _ in x]"]
)
def test_global_constants_that_the_code_names_count(made, code):
    text = (
        f"def factory(x): return {code}\ndef own(): return LR\n"
        "class Net:\n    def step(self): return LR\n"
    )
    one, other = (described(made(text, LR=rate, OTHER=rate)["factory"]) for rate in (0.1, 0.9))
    assert one != other
    assert described(made(text, LR=0.1, OTHER=5)["factory"]) == one


def test_counters_and_logs_that_the_code_writes_do_not_count(made):
    text = (
        "LOG, SEEN, COUNT = [], {}, 0\n"
        "def factory(x):\n    global COUNT\n    COUNT += 1\n    LOG.append(x)\n    SEEN[x] = 1\n"
    )
    factory = made(text)["factory"]
    before = described(factory)
    factory(3)
    assert described(factory) == before
    sign = Sign(1)
    before = described(sign)
    sign(2)
    assert described(sign) == before != described(Sign(2))


def test_circles_and_huge_values_end():
    circle = []
    circle.append(circle)
    assert described(circle) is not None
    huge = {str(k): {str(j): [Sign(j)] for j in range(100)} for k in range(100)}
    assert len(str(described(huge))) < 100 * MOST


def test_addresses_and_the_order_of_dicts_do_not_count():
    assert described({"a": 1, "b": object()}) == described({"b": object(), "a": 1})


def test_another_process_describes_alike():
    text = "from tests.strategies import test_description as t; print(t.everything())"
    told = {
        subprocess.run(
            [sys.executable, "-c", f"import torch; torch.set_num_threads({k}); {text}"],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parents[2],
            env={"PYTHONHASHSEED": str(k), "PYTHONPATH": str(Path(__file__).parents[2])},
        ).stdout
        for k in (1, 2)
    }
    assert len(told) == 1


def everything():
    return {name: described(make(3)) for name, make in KINDS.items()}


def test_what_changed_by_use_is_marked():
    assert unchanged({"a": 1, "b": {"c": 2}}, {"a": 1, "b": {"c": 3}})["b"]["c"] == "changes by use"


def test_what_is_installed_is_named_only():
    assert described(torch.nn.functional.relu) == "torch.nn.functional.relu"
    assert is_installed(nn.Linear)
    assert not is_installed(Sign)


def test_features_in_a_file_are_described_by_their_rows(tmp_path):
    rows = np.arange(12.0).reshape(4, 3)
    path, other = tmp_path / "rows.npy", tmp_path / "moved.npy"
    np.save(path, rows)
    before = described(Given(path))
    np.save(other, rows)
    assert described(Given(other)) == before == described(Given(rows))
    np.save(path, rows[::-1])
    assert described(Given(path)) != before


def test_where_the_features_of_an_encoder_are_kept_does_not_count(tmp_path):
    described_in = [described(Frozen(encoder(1), folder=folder)) for folder in (None, tmp_path)]
    assert described_in[0] == described_in[1]
