"""Principal components of numbers, fitted to a part of the samples."""

from __future__ import annotations

from typing import Any

import numpy as np

SIDE = 32  # pixels of an image, at most
COMPONENTS = 50
FITTED = 10_000  # samples that are fitted to, at most
FEW = 3.0  # columns that hold most of the variance, as an effective number
ROWS = 256  # rows whose squares are held at once


def fitted_to(count: int, seed: int = 0) -> np.ndarray:
    """Positions of the samples to fit to, ascending: all, or 10,000 drawn by the seed."""
    if count <= FITTED:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, FITTED, replace=False))


def principal_components(rows: np.ndarray, most: int = COMPONENTS, seed: int = 0) -> Any:
    """PCA that is fitted to rows ``(n, V)``, with at most V and n - 1 components, at least one."""
    from sklearn.decomposition import PCA

    count = max(1, min(most, len(rows) - 1, rows.shape[1]))
    with np.errstate(all="ignore"):  # rows that are all the same have no variance
        return PCA(count, svd_solver="randomized", random_state=seed % 2**32).fit(rows)


def units_of(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Mean and standard deviation ``(V,)`` of columns in different units; None for one unit.

    Units differ if a few columns have most of the variance: an effective number of columns ``(sum
    v)^2 / sum v^2`` below 3, for variances v. The principal components would be these columns. The
    deviation of a column that is constant up to rounding is infinite. On tables, scaled columns
    were better for herding; columns of one unit, as pixels or components, were better as they are.

    Args:
        rows: ``(n, V)`` finite float32.

    Cost: two passes over the rows.
    """
    mean = rows.mean(0, dtype=np.float64)
    squares = np.zeros_like(mean)
    for start in range(0, len(rows), ROWS):
        squares += np.square(rows[start : start + ROWS] - mean).sum(0)
    deviation = np.sqrt(squares / len(rows))
    deviation[deviation <= np.finfo(np.float32).eps * abs(mean)] = 0
    shares = np.square(deviation / max(deviation.max(), np.finfo(np.float64).tiny))
    if shares.sum() ** 2 >= FEW * np.square(shares).sum():
        return None
    return mean, np.where(deviation > 0, deviation, np.inf)
