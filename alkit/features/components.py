"""Principal components of numbers, fitted to a part of the samples."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.decomposition import PCA

SIDE = 32  # pixels of an image, at most
COMPONENTS = 50
FITTED = 10_000  # samples that are fitted to, at most


def fitted_to(count: int, seed: int = 0) -> np.ndarray:
    """Positions of the samples to fit to, ascending: all, or 10,000 drawn by the seed."""
    if count <= FITTED:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, FITTED, replace=False))


def principal_components(rows: np.ndarray, most: int = COMPONENTS, seed: int = 0) -> Any:
    """PCA that is fitted to rows ``(n, V)``, with at most V and n - 1 components, at least one."""
    count = max(1, min(most, len(rows) - 1, rows.shape[1]))
    with np.errstate(all="ignore"):  # rows that are all the same have no variance
        return PCA(count, svd_solver="randomized", random_state=seed % 2**32).fit(rows)
