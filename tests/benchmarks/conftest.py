"""Fixtures shared by the tests of ``benchmarks/``."""

import logging
from importlib import import_module
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def levels():
    """Benchmarks silence Lightning for their process, and other tests read what it logs."""
    names = "lightning.pytorch", "lightning.pytorch.utilities.rank_zero"
    loggers = [logging.getLogger(name) for name in names]
    before = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, before, strict=True):
        logger.setLevel(level)


@pytest.fixture
def part(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return lambda name: import_module(f"selection_{name}" if name else "selection")


@pytest.fixture
def arrays(part):
    workloads = part("workloads")
    return workloads.Arrays.make(workloads.Size(200, 10, D=12, C=5, A=7))
