"""Data, models and budgets of ``auto.py``: 25 settings, each with a split per seed.

Images and questions are read from ``ALKIT_DATA``. A set is read once per process. Principal
components and the SVD of the questions are fitted once to inputs of the whole set, without labels.
"""

from __future__ import annotations

import functools
import io
import os
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
import torchvision
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

import alkit as al
from alkit.project.defaults import scaled
from alkit.seeds import derive

POOL, TEST = 5000, 4000
BUDGETS = {"low": (1, 1), "medium": (10, 5), "high": (30, 10)}  # first labels and query, in units
ROUNDS = 4
CLASSES = {"digits": 10, "MNIST": 10, "skewed MNIST": 10, "CIFAR-10": 10, "blood cells": 3,
           "TREC": 6}  # fmt: skip
SKEW = 0.65  # frequency of a class of the skewed pool, of that of the next larger one
COMPONENTS = {"TREC": 100}  # 50 of the others
Data = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Setting:
    """One row of the table: a set, a model and a budget."""

    data: str
    model: str  # "MLP", "CNN" or "frozen"
    budget: str

    @property
    def group(self) -> str:
        if self.frozen:
            return "text" if self.data == "TREC" else "frozen"
        return "imbalance" if self.data == "skewed MNIST" else "scratch"

    @property
    def frozen(self) -> bool:
        return self.model == "frozen"

    @property
    def classes(self) -> int:
        return CLASSES[self.data]

    @property
    def sizes(self) -> tuple[int, int]:
        """Number of the first labels, and labels per query."""
        first, each = BUDGETS[self.budget]
        unit = max(self.classes, 6)
        return first * unit, each * unit

    @property
    def rounds(self) -> int:
        return ROUNDS

    @property
    def labels(self) -> list[int]:
        """Number of labels in each round."""
        first, each = self.sizes
        return [first + k * each for k in range(self.rounds + 1)]

    def features(self) -> np.ndarray:
        """Features of all samples of the set."""
        return features(self.data)

    def __str__(self) -> str:
        return f"{self.data}, {self.model}, {self.budget}"


def _settings() -> dict[str, Setting]:
    budgets = {
        ("MNIST", "MLP"): 3, ("MNIST", "CNN"): 2, ("CIFAR-10", "MLP"): 2, ("CIFAR-10", "CNN"): 2,
        ("blood cells", "MLP"): 2, ("skewed MNIST", "MLP"): 2, ("digits", "frozen"): 2,
        ("MNIST", "frozen"): 3, ("CIFAR-10", "frozen"): 3, ("blood cells", "frozen"): 2,
        ("TREC", "frozen"): 2,
    }  # fmt: skip
    every = [Setting(*key, budget) for key, n in budgets.items() for budget in [*BUDGETS][:n]]
    return {str(setting): setting for setting in every}


SETTINGS = _settings()


def folder() -> Path:
    default = Path(__file__).parents[2] / "shared" / "data"
    return Path(os.environ.get("ALKIT_DATA", default))


@lru_cache(maxsize=2)
def whole(name: str) -> Data:
    """All inputs and labels of a set: bytes ``(N, C, H, W)``, numbers ``(N, D)`` or texts."""
    if name == "digits":
        x, y = map(np.asarray, load_digits(return_X_y=True))
        return x.astype(np.float32), y
    if name == "TREC":
        lines = [
            line.split("\t", 1)
            for part in ("train", "test")
            for line in (folder() / "text" / f"trec_{part}.tsv").read_text().splitlines()
        ]
        classes, y = np.unique([label for label, _ in lines], return_inverse=True)
        assert len(classes) == CLASSES[name]
        return np.array([text for _, text in lines]), y
    if name == "blood cells":
        cells = np.load(folder() / "bccd" / "bccd_crops48.npz", allow_pickle=True)
        small = [np.asarray(Image.fromarray(cell).resize((32, 32))) for cell in cells["x"]]
        return np.stack(small).transpose(0, 3, 1, 2), cells["y"].astype(int)
    if name == "CIFAR-10":
        stored = np.load(folder() / "cifar10" / "train_jpeg.npz", allow_pickle=True)
        images, offset = stored["jpeg"].tobytes(), stored["offset"].tolist()[: POOL + TEST + 1]
        read = [np.asarray(Image.open(io.BytesIO(images[a:b]))) for a, b in pairwise(offset)]
        return np.stack(read).transpose(0, 3, 1, 2), stored["y"][: len(read)].astype(int)
    mnist = torchvision.datasets.MNIST(folder(), train=True)
    count = 30_000 if name == "skewed MNIST" else 20_000
    return mnist.data[:count, None].numpy(), mnist.targets[:count].numpy()


@lru_cache(maxsize=2)
def features(name: str) -> np.ndarray:
    """Features of all samples that training does not change, of variance 1 on average."""
    x, _ = whole(name)
    count = COMPONENTS.get(name, 50)
    if name == "digits":
        return scaled(x)
    if name == "TREC":
        rows = TfidfVectorizer(sublinear_tf=True).fit_transform(x)
        return scaled(TruncatedSVD(count, random_state=0).fit_transform(rows))
    rows = x.reshape(len(x), -1)[:10_000].astype(np.float32) / 255
    pca = PCA(count, svd_solver="randomized", random_state=0).fit(rows)
    parts = np.array_split(x.reshape(len(x), -1), max(1, len(x) // 5000))
    return scaled(np.concatenate([pca.transform(part.astype(np.float32) / 255) for part in parts]))


def split(setting: Setting, seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Inputs and labels of the pool, then of the test set, which the seed and the set decide."""
    x, y = whole(setting.data)
    order = np.random.default_rng(derive(seed, "split")).permutation(len(y))
    size = min(TEST, len(y) // 3)
    held, rows = order[:size], order[size:]
    rows = skewed(rows, y, seed) if setting.data.startswith("skewed") else rows[:POOL]
    if setting.frozen:
        x = setting.features()
        pool, test = torch.from_numpy(x[rows]), torch.from_numpy(x[held])
    else:
        pool, test = ((torch.from_numpy(x[part]).float() / 255 - 0.5) * 2 for part in (rows, held))
    return pool, torch.from_numpy(y[rows]).long(), test, torch.from_numpy(y[held]).long()


def skewed(rows: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    """A pool out of these rows whose class frequencies fall geometrically, in a random order."""
    rng = np.random.default_rng(derive(seed, "skew"))
    shares = SKEW ** rng.permutation(int(y.max()) + 1)
    counts = np.round(POOL * shares / shares.sum()).astype(int)
    parts = [rows[y[rows] == label][:count] for label, count in enumerate(counts)]
    return rng.permutation(np.concatenate(parts))


def model(
    setting: Setting, x: Tensor, seed: int, dropout: float = 0.0, head: bool = False
) -> nn.Module:
    """An untrained model of inputs like ``x``, whose initial weights the seed decides."""
    if setting.frozen:
        kind = functools.partial(LinearHead, width=x.shape[1]) if head else al.Estimator
        return kind(Logistic(max_iter=300), num_classes=setting.classes)
    drop = [nn.Dropout(dropout)] if dropout else []
    with torch.random.fork_rng():
        torch.manual_seed(derive(seed, "weights"))
        if setting.model == "MLP":
            body = [nn.Flatten(), nn.Linear(x[0].numel(), 128), nn.ReLU()]
            return nn.Sequential(*body, *drop, nn.Linear(128, setting.classes))
        side = -(-x.shape[-1] // 4)
        return nn.Sequential(
            nn.Conv2d(x.shape[1], 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(),
            nn.Flatten(), nn.Linear(32 * side * side, 64), nn.ReLU(), *drop,
            nn.Linear(64, setting.classes),
        )  # fmt: skip


class Logistic(LogisticRegression):
    """Logistic regression that also takes labels of one class, which it then predicts."""

    def fit(
        self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None
    ) -> Logistic:
        self.classes_ = np.unique(y)
        if len(self.classes_) > 1:
            super().fit(X, y, sample_weight)
        return self

    def head(self) -> tuple[np.ndarray, np.ndarray]:
        """Weights ``(k, D)`` and biases ``(k,)`` of the logits of the classes it has seen."""
        if len(self.classes_) == 1:
            return np.zeros((1, 1), np.float32), np.zeros(1, np.float32)
        weights, biases = (np.asarray(part, np.float32) for part in (self.coef_, self.intercept_))
        if len(self.classes_) == 2:  # one logit, of the second class
            return np.concatenate([weights * 0, weights]), np.concatenate([biases * 0, biases])
        return weights, biases

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        return super().predict_proba(X) if len(self.classes_) > 1 else np.ones((len(X), 1))


class LinearHead(al.Estimator):
    """Logistic regression as a linear layer, for selectors that use the head of a network."""

    def __init__(self, estimator: Logistic, num_classes: int, width: int) -> None:
        super().__init__(estimator, num_classes)
        self.head = nn.Linear(width, num_classes).requires_grad_(False)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.rows(x)).softmax(-1)

    def training_step(self, batch: object, batch_idx: int) -> Tensor:
        loss = super().training_step(batch, batch_idx)
        fitted = self._model().model
        self.head.weight.zero_()
        self.head.bias.fill_(-30)  # classes without a label
        weights, biases = map(torch.from_numpy, fitted.head())
        self.head.weight[fitted.classes_], self.head.bias[fitted.classes_] = weights, biases
        return loss
