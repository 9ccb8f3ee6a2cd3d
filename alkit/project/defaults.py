"""Defaults of a project: scaled features, and logistic regression on them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from alkit.criteria import Margin
from alkit.errors import ConfigurationError
from alkit.pool import ActiveLearningDataset
from alkit.selectors import UncertaintyHerding
from alkit.strategies import Strategy
from alkit.training import Estimator

ROWS = 4096  # samples per read


def default_strategy(pool: ActiveLearningDataset, seed: int = 0, **options: Any) -> Strategy:
    """Logistic regression on features, asked by uncertainty herding.

    The candidates are covered in the space of the features, which training does not change, at
    norm one with bandwidth 1, weighted by the margin: of about 70 rules, one of the few that were
    hardly ever below random order. The rank of the margin, which is safer for networks that are
    sure and wrong, gives half of all weight to samples that a logistic regression is rightly sure
    of: with 200 labels of blood cells, 85 % of one class, its accuracy was .009 lower, and below
    that of random order. The penalty (C = 1) fits features of ``scaled``, for 50 to 200 labels.

    Args:
        pool: a pool of scaled features ``(D,)``, with ``classes``.
        seed: seed of the queries.
        **options: other arguments of ``LogisticRegression``, such as ``C``.
    """
    model = Estimator(classifier(**options), num_classes=len(pool.classes or ()))
    selector = UncertaintyHerding(bandwidth=1.0)
    return Strategy(model, pool, Margin(), selector, test_batch_size=ROWS, seed=seed).build()


def classifier(**options: Any) -> Any:
    """Logistic regression with the penalty C = 1, or with other arguments; unfitted."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(**{"C": 1.0, "max_iter": 300, **options})


def scaled(features: ArrayLike) -> np.ndarray:
    """Features ``(N, D)`` with mean zero, divided by their root mean square; float32, a copy.

    One factor scales all columns: columns that vary little are not blown up.

    Raises:
        ConfigurationError: the features are not finite numbers ``(N, D)``.
    """
    rows = np.asarray(features, dtype=np.float32)
    if rows.ndim != 2 or not rows.size:
        raise ConfigurationError(f"features must be numbers (N, D), got shape {rows.shape}.")
    mean = rows.mean(0, dtype=np.float64).astype(np.float32)
    centered = rows - mean
    size = float(np.sqrt(np.einsum("nd,nd->", centered, centered, dtype=np.float64) / rows.size))
    if not np.isfinite(size):
        raise ConfigurationError("features must be finite numbers: some are NaN or infinite.")
    centered /= size or 1.0
    return centered
