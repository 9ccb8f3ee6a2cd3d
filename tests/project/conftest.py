"""Samples of projects: small images, and a pool of three groups of points, some far apart."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
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


@pytest.fixture
def save():
    """A function that writes a small image of its own, whose seed is a number, and its path."""

    def save(path: Path, seed: int = 0, size: tuple[int, int] = (12, 10), **options) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
        Image.fromarray(pixels).save(path, **options)
        return path

    return save


@pytest.fixture
def photos(tmp_path, save) -> Path:
    """A folder with 12 images in two subfolders."""
    for seed in range(12):
        save(tmp_path / "photos" / "ab"[seed % 2] / f"{seed}.png", seed)
    return tmp_path / "photos"


class Points:
    """A folder with points of three groups as embeddings, their labels, and projects on them."""

    def __init__(self, folder, n=60):
        rng = np.random.default_rng(0)
        self.folder, self.y = folder, rng.integers(0, 3, n)
        centers = np.array([[3, 0, 0, 0], [0, 3, 0, 0], [0, 0, 3, 0]], dtype=float)
        rows = centers[self.y] + rng.normal(0, 1, (n, 4))
        self.names = [f"point {k}.txt" for k in range(n)]
        np.save(folder / "points.npy", rows.astype(np.float32))
        (folder / "names.txt").write_text("\n".join(self.names))

    def project(self, name="project", **options):
        """A project of seed 0, new or opened with all its arguments."""
        files = {"embeddings": self.folder / "points.npy", "names": self.folder / "names.txt"}
        options = {**files, "classes": CLASSES, "seed": 0, **options}
        return al.Project(self.folder / name, **options)

    def labels(self, query):
        """True labels of the samples of a query, by name of the class."""
        return [CLASSES[self.y[index]] for index in query]

    def oracle(self, indices):
        return [CLASSES[self.y[index]] for index in indices]


@pytest.fixture
def points(tmp_path):
    return Points(tmp_path)
