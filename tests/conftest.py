import os
import sys
import warnings
from pathlib import Path

import hypothesis
import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))  # for browser.py and small_nets.py
from browser import browser, pictures  # noqa: F401

torch.set_num_threads(1)  # small nets are many times faster, and runs are repeatable

hypothesis.settings.register_profile("alkit", deadline=None, max_examples=50, derandomize=True)
hypothesis.settings.load_profile("alkit")

DATA = Path(os.environ.get("ALKIT_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture
def data_dir() -> Path:
    """The folder of the test data: MNIST in torchvision's layout, and more."""
    return DATA


@pytest.fixture
def make_records():
    """A function from curves to records: a name and ``(T, R)`` results for each strategy."""

    def make(curves, *, steps=7, metric="testMulticlassAccuracy", **protocol):
        rows = [
            {
                "strategy": name,
                "seed": seed,
                "round": round,
                "annotated": 10 * (round + 1),
                "steps": steps[name] if isinstance(steps, dict) else steps,
                metric: float(value),
                "seconds_train": 1.0,
                "seconds_test": 0.5,
                "seconds_score": 0.25,
                "seconds_select": 0.25,
                "picked": [],
                "why": "",
            }
            for name, values in curves.items()
            for seed, curve in enumerate(np.asarray(values))
            for round, value in enumerate(curve)
        ]
        from alkit.reporting.result import Result

        return Result(rows, protocol)

    return make


@pytest.fixture(autouse=True)
def _quiet():
    warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    """Nothing that a test writes lands in the checkout."""
    monkeypatch.chdir(tmp_path)
