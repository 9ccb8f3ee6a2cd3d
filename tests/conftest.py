import os
import warnings
from pathlib import Path

import hypothesis
import pytest
import torch

torch.set_num_threads(1)  # small nets are many times faster, and runs are repeatable

hypothesis.settings.register_profile("alkit", deadline=None, max_examples=50, derandomize=True)
hypothesis.settings.load_profile("alkit")

DATA = Path(os.environ.get("ALKIT_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture
def data_dir() -> Path:
    """The folder of the test data: MNIST in torchvision's layout, and more."""
    return DATA


@pytest.fixture(autouse=True)
def _quiet():
    warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    """Nothing that a test writes lands in the checkout."""
    monkeypatch.chdir(tmp_path)
