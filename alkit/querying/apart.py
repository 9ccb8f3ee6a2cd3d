"""Check that no sample is trained on and validated on."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch.utils.data import Subset, TensorDataset

from alkit.errors import ConfigurationError
from alkit.pool import ActiveLearningDataset
from alkit.pool.annotations import OUTSIDE
from alkit.pool.samples import PoolView


def check_apart(pool: ActiveLearningDataset, val_pool: Any, val: Any) -> None:
    """Raise a ConfigurationError if data for validation has samples of the pool.

    They are the same if they are of one dataset, also through ``Subset``, or of one name.
    """
    for argument, data in (("val_pool", val_pool), ("val", val)):
        if data is None:
            continue
        shared = _shared(pool, data)
        if shared:
            raise ConfigurationError(
                f"{argument} has samples of train_pool, such as {shared}, so the model would be "
                "validated on samples that it was trained on: split the dataset, for example with "
                "torch.utils.data.Subset, and use one part for each. If different samples have "
                "one name, use their paths as names=."
            )


def _shared(pool: ActiveLearningDataset, data: Any) -> str | None:
    """A sample of the pool that data has too, in words."""
    here, there = _base(pool), _base(data)
    if _is_one(here[0], there[0]):
        for index in np.intersect1d(_ids(*here), _ids(*there))[:1].tolist():
            return f"that of index {index} in the dataset"
    other = data.names if isinstance(data, ActiveLearningDataset) else None
    if pool.names is None or other is None:
        return None
    named = {pool._names[index] for index in _inside(pool).tolist()}
    twice = (data._names[k] for k in _inside(data).tolist() if data._names[k] in named)
    return next(map(repr, twice), None)


def _base(data: Any) -> tuple[Any, np.ndarray | None]:
    """The dataset below pools and Subsets, and the indices there; None for all."""
    ids = None
    if isinstance(data, ActiveLearningDataset):
        data, ids = data._samples.dataset, _inside(data)
    elif isinstance(data, PoolView):
        data, ids = getattr(data.reader, "_samples").dataset, data.indices  # noqa: B009
    while isinstance(data, Subset):
        inner = np.asarray(data.indices, dtype=np.int64)
        data, ids = data.dataset, inner if ids is None else inner[ids]
    return data, ids


def _inside(pool: ActiveLearningDataset) -> np.ndarray:
    """Dataset indices of the samples of a pool, with those that may be included again."""
    return np.flatnonzero(pool.rounds != OUTSIDE)


def _ids(dataset: Any, ids: np.ndarray | None) -> np.ndarray:
    return np.arange(len(dataset)) if ids is None else ids


def _is_one(here: Any, there: Any) -> bool:
    tensors = type(here) is type(there) is TensorDataset
    return here is there or (tensors and here.tensors[0] is there.tensors[0])
