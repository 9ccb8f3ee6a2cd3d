"""Fixtures shared by the tests of ``benchmarks/``."""

from importlib import import_module
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def part(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return lambda name: import_module(f"selection_{name}" if name else "selection")


@pytest.fixture
def arrays(part):
    workloads = part("workloads")
    return workloads.Arrays.make(workloads.Size(200, 10, D=12, C=5, A=7))
