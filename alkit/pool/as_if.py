"""A pool as it would be with fewer annotations, for replays of labels that were paid for."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import TYPE_CHECKING

import numpy as np

from alkit.pool.annotations import EXCLUDED, OUTSIDE, Indices

if TYPE_CHECKING:
    from alkit.pool.dataset import ActiveLearningDataset


def as_if(
    pool: ActiveLearningDataset, annotated: Sequence[Indices], candidates: Indices
) -> ActiveLearningDataset:
    """The pool as if only some of its annotated samples were annotated, and others candidates.

    All other samples count as excluded. The pool itself does not change, and shares all else with
    the copy, also the features that do not change with training. Do not annotate the copy.

    Args:
        pool: the pool.
        annotated: dataset indices of the annotated samples of each round, from round 0 on.
        candidates: dataset indices of the unannotated samples.

    Raises:
        SampleIndexError: indices are out of range, not integers, or repeated in one list.
        AnnotationError: a sample is not annotated in the pool.

    Cost: O(N) time and 4 bytes per sample.
    """
    rounds = np.where(pool.rounds == OUTSIDE, OUTSIDE, EXCLUDED).astype(np.int32)
    rounds[pool._checked(candidates, annotated=True)] = -1
    for number, ids in enumerate(annotated):
        rounds[pool._checked(ids, annotated=True)] = number
    past = copy(pool)
    past._known = copy(pool._known)
    past._known.rounds = rounds
    past._known._refresh()
    return past
