"""A small project: three groups of points, some of them far apart."""

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_limits
from torch.utils.data import TensorDataset

import alkit as al
from alkit.project.asking import Asking
from alkit.project.defaults import scaled
from alkit.project.order import AuditOrder

CLASSES = ["cat", "dog", "owl"]


class Small:
    """Features, true labels, and the asking about them."""

    def __init__(self, n=120, seed=0, **options):
        rng = np.random.default_rng(seed)
        self.y = rng.integers(0, 3, n)
        centers = np.array([[3, 0, 0, 0], [0, 3, 0, 0], [0, 0, 3, 0]], dtype=float)
        self.x = scaled(centers[self.y] + rng.normal(0, 1, (n, 4)))
        self.names = [f"photos/{k}.png" for k in range(n)]
        self.pool = al.ActiveLearningDataset(
            TensorDataset(torch.from_numpy(self.x)), names=self.names, classes=CLASSES
        )
        self.order = AuditOrder(self.names, seed)
        self.asking = Asking(self.pool, self.x, self.order, seed=seed, **options)

    def answer(self, choices):
        """Label what was asked, as a person would, and note the reasons."""
        ids = [choice.index for choice in choices]
        self.pool.annotate(ids, [CLASSES[self.y[k]] for k in ids])
        self.asking.note({choice.index: choice.why for choice in choices})

    def label(self, n, step=10):
        """Ask for and label ``n`` samples, with a fit after each batch."""
        for _ in range(0, n, step):
            self.answer(self.asking.batch(step))
            self.asking.fit()


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    """Small matrices are slower with several threads on busy cores."""
    with threadpool_limits(1):
        yield


@pytest.fixture
def small():
    return Small()


@pytest.fixture
def make():
    return Small
