"""Part of a query that goes to the validation pool."""

from __future__ import annotations

import numpy as np

from alkit.pool import ActiveLearningDataset
from alkit.pool.query import Query
from alkit.seeds import derive


def validation_query(
    pool: ActiveLearningDataset | None, n: int, share: float, seed: int, round: int
) -> Query | None:
    """Draw a share of ``n`` samples uniformly from the validation pool; None for an empty share.

    At least one of the ``n`` samples remains for training.
    """
    if pool is None:
        return None
    left = pool.unannotated_indices
    size = min(int(np.rint(n * share)), n - 1, len(left))
    if size < 1:
        return None
    rng = np.random.default_rng(derive(seed, "validate", round))
    drawn = rng.choice(left, size=size, replace=False)
    names = None if pool.names is None else [pool.names[index] for index in drawn]
    return Query(drawn, round, why="Random()", names=names, classes=pool.classes)
