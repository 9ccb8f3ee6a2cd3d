from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from inspect import getdoc
from pathlib import Path

import pytest

import alkit

ROOT = Path(__file__).parents[1]

ENVIRONMENT = ("PATH", "HOME", "LD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR")
LINT = "import sys; from importlinter.cli import lint_imports as l; sys.exit(l(no_cache=True))"

STATE_AROUND_IMPORT = """
import json, logging, os, random, sys, warnings

def state():
    return {
        "environment": dict(os.environ),
        "warnings": [str(rule) for rule in warnings.filters],
        "loggers": sorted(logging.root.manager.loggerDict),
        "handlers": [str(handler) for handler in logging.root.handlers],
        "folder": os.getcwd(),
        "random": repr(random.getstate()),
    }

before, modules = state(), set(sys.modules)
import alkit
dir(alkit)
after = state()
print(json.dumps({
    "changed": [name for name in before if before[name] != after[name]],
    "imported": sorted({name.partition(".")[0] for name in set(sys.modules) - modules}),
}))
"""

TORCH_AROUND_USE = """
import json
import torch

def state():
    return [torch.get_num_threads(), str(torch.get_default_dtype()), torch.initial_seed(),
            torch.get_rng_state().tolist(), torch.are_deterministic_algorithms_enabled()]

before = state()
import alkit
for name in alkit.__all__:
    getattr(alkit, name)
print(json.dumps(before == state()))
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in an interpreter of its own, in the checkout."""
    # a small environment: this process has imported alkit, and would hand on what it changed
    needed = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, cwd=ROOT, env=needed, capture_output=True, text=True, check=False
    )


def test_imports_follow_the_layers_of_pyproject():
    finished = run(LINT)
    assert finished.returncode == 0, finished.stdout + finished.stderr


def test_a_strategy_imports_scikit_learn_once_features_are_fitted():
    code = "import alkit, sys; alkit.Strategy, alkit.auto; sys.exit('sklearn' in sys.modules)"
    finished = run(code)
    assert finished.returncode == 0, finished.stderr


def test_importing_alkit_changes_nothing_outside_and_imports_the_standard_library_alone():
    finished = run(STATE_AROUND_IMPORT)
    assert finished.returncode == 0, finished.stderr
    found = json.loads(finished.stdout)
    assert found["changed"] == []
    assert set(found["imported"]) - set(sys.stdlib_module_names) == {"alkit"}


def test_importing_every_name_leaves_torch_as_it_was():
    finished = run(TORCH_AROUND_USE)
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout) is True


@pytest.mark.parametrize("name", alkit.__all__)
def test_every_public_name_is_there_and_says_what_it_is(name: str):
    assert name in dir(alkit)
    value = getattr(alkit, name)
    own = vars(value).get("__doc__") if isinstance(value, type) else getdoc(value)
    assert own, f"alkit.{name} has no docstring of its own"


def test_a_star_import_gives_every_public_name():
    names: dict[str, object] = {}
    exec("from alkit import *", names)
    assert set(alkit.__all__) <= set(names)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="Marginn"):
        alkit.Marginn


MODULES = sorted((ROOT / "alkit").rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_file_fits_in_one_reading(path: Path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 250


def test_no_class_is_deeper_than_three_of_our_own():
    for path in MODULES:
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for value in vars(importlib.import_module(name)).values():
            if isinstance(value, type) and value.__module__.startswith("alkit."):
                assert depth(value) <= 3, value


def depth(cls: type) -> int:
    """Number of own classes above a class, along the longest line."""
    own = [base for base in cls.__bases__ if base.__module__.startswith("alkit.")]
    return max((1 + depth(base) for base in own), default=0)
