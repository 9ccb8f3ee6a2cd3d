"""Fixtures of strategies, trainings and queries: small data, networks and Trainers."""

import lightning as L
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

import alkit as al

PLAIN = {
    "accelerator": "cpu",
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
}


@pytest.fixture
def quiet():
    """Arguments for fit and test."""
    return {"accelerator": "cpu", "enable_progress_bar": False}


@pytest.fixture
def lightning_trainer():
    """Makes a plain Lightning Trainer, nothing of alkit in it."""
    return lambda **limits: L.Trainer(**PLAIN, **limits)


@pytest.fixture
def blobs():
    """Makes ``n`` samples ``(x (2,), y)`` of three clusters in the plane."""

    def make(n=60, seed=0):
        generator = torch.Generator().manual_seed(seed)
        y = torch.arange(n) % 3
        centers = torch.tensor([[0.0, 2.0], [2.0, -1.0], [-2.0, -1.0]])
        return TensorDataset(centers[y] + torch.randn(n, 2, generator=generator), y)

    return make


@pytest.fixture
def pool(blobs):
    """A pool of 60 with 24 annotated."""
    pool = al.ActiveLearningDataset(blobs())
    pool.annotate_random(24, seed=0)
    return pool


@pytest.fixture
def net():
    """Makes a plain network with BatchNorm, the same one each time."""

    def make(seed=0, **options):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))

    return make
