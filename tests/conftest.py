import sys
import warnings
from pathlib import Path

import hypothesis
import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

sys.path.insert(0, str(Path(__file__).parent))  # for browser.py and small_nets.py
from browser import browser, open_page, pictures, playwright_browser  # noqa: F401

torch.set_num_threads(1)  # small nets are many times faster, and runs are repeatable

hypothesis.settings.register_profile("alkit", deadline=None, max_examples=50, derandomize=True)
hypothesis.settings.load_profile("alkit")

TRAIN, TEST = 400, 100  # images of the small MNIST


def _write_idx(path: Path, array: np.ndarray) -> None:
    """Write an array of bytes in the file format of MNIST."""
    header = np.array([0x0800 + array.ndim, *array.shape], dtype=">i4")
    path.write_bytes(header.tobytes() + array.astype(np.uint8).tobytes())


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory) -> Path:
    """A folder with a small MNIST in torchvision's layout: digits of scikit-learn, enlarged."""
    folder = tmp_path_factory.mktemp("data")
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    images, labels = load_digits(return_X_y=True)
    images = np.kron(np.asarray(images).reshape(-1, 8, 8), np.ones((3, 3))) * 255 / 16
    images = np.pad(images, ((0, 0), (2, 2), (2, 2)))
    parts = {"train": slice(TRAIN), "t10k": slice(TRAIN, TRAIN + TEST)}
    for name, rows in parts.items():
        _write_idx(raw / f"{name}-images-idx3-ubyte", images[rows])
        _write_idx(raw / f"{name}-labels-idx1-ubyte", np.asarray(labels)[rows])
    return folder


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
