"""Cross-fitting: predictions of labeled samples by models that did not see their labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from alkit.pool import ActiveLearningDataset
from alkit.prediction import Prediction
from alkit.seeds import derive
from alkit.strategies import ActiveLearner
from alkit.training.fitted import Fitted

ROWS = 4096  # samples per prediction


@dataclass(frozen=True, eq=False)
class Labeled:
    """Labeled samples in the order in which they were labeled.

    Attributes:
        x: ``(A, D)`` features; empty if they are not used.
        y: ``(A,)`` class numbers.
        audit: ``(m,)`` positions of the audit samples, in the order of the audit.
        asked: ``(A,)`` True for samples that were chosen, not drawn for the audit.
    """

    x: np.ndarray
    y: np.ndarray
    audit: np.ndarray
    asked: np.ndarray


def cross_fitted(
    estimator: Any, data: Labeled, train: np.ndarray, folds: int, seed: int
) -> np.ndarray:
    """Class numbers ``(m,)`` that are predicted for the audit samples.

    The audit samples are dealt to the folds in turn, and each fold is predicted by a copy that is
    fitted to all samples of ``train`` outside it. So each model lacks few labels: at most one fold
    of the audit samples.

    Args:
        estimator: a classifier, see ``Estimator``; it is not changed.
        data: the labeled samples.
        train: ``(T,)`` positions of the samples to train on.
        folds: number of folds, at most m are used.
        seed: seed of each ``random_state`` that is None.

    Cost: as many fits as folds.
    """
    guesses = np.full(len(data.audit), -1, dtype=np.int64)
    for fold in range(min(folds, len(data.audit))):
        rows = data.audit[fold::folds]
        inside = train[~np.isin(train, rows)]
        guesses[fold::folds] = guessed(estimator, data, inside, data.x[rows], seed)
    return guesses


def guessed(
    estimator: Any, data: Labeled, train: np.ndarray, x: np.ndarray, seed: int
) -> np.ndarray:
    """Class numbers predicted by a model of some samples; that of the only class, if it is one."""
    y = data.y[train]
    if len(np.unique(y)) < 2:
        return np.full(len(x), y[0] if len(y) else -1)
    return Fitted.of(estimator, data.x[train], y, seed).probabilities(x, None).argmax(1)


class Past:
    """A strategy as it was after fewer labels, for stopping criteria; the rest is that of today.

    Args:
        strategy: the strategy, with an Estimator.
        fitted: the model of then; None if it had labels of one class.
        only: the class of these.
        classes: C.
    """

    def __init__(
        self, strategy: ActiveLearner, fitted: Fitted | None, only: int, classes: int
    ) -> None:
        self._strategy, self._fitted, self._only, self._classes = strategy, fitted, only, classes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._strategy, name)

    @classmethod
    def of(cls, strategy: ActiveLearner, data: Labeled, train: np.ndarray) -> Past:
        """The strategy after the labels of ``train`` alone."""
        pool, y = strategy.train_pool, data.y[train]
        fitted = None
        if len(np.unique(y)) > 1:
            seed = derive(strategy.seed, "past")
            fitted = Fitted.of(strategy.module.estimator, data.x[train], y, seed)  # type: ignore[union-attr]
        return cls(strategy, fitted, int(y[0]), len(pool.classes or ()))

    def predictions(self, pool: ActiveLearningDataset, indices: np.ndarray) -> Iterator[Prediction]:
        """Predictions of some samples; see ``ActiveLearner.predictions``."""
        for k in range(0, len(indices), ROWS):
            ids = np.asarray(indices[k : k + ROWS])
            if self._fitted is None:
                p = np.eye(self._classes)[np.full(len(ids), self._only)]
            else:
                p = self._fitted.probabilities(features_of(self._strategy, ids), self._classes)
            yield Prediction(torch.from_numpy(p), torch.from_numpy(ids), "probabilities")


def features_of(strategy: ActiveLearner, ids: np.ndarray) -> np.ndarray:
    """Features ``(n, D)`` that the Estimator of a strategy is given, in the order of ``ids``."""
    if not len(ids):
        return np.empty((0, 1))
    ascending = np.sort(ids)
    rows = strategy.context.predict(ascending, keep={"features"}).features
    return np.asarray(rows)[np.searchsorted(ascending, ids)]
