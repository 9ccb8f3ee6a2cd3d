"""Batches of unannotated samples beside the annotated ones."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from lightning.pytorch.utilities import CombinedLoader
from torch.utils.data import (
    DataLoader,
    RandomSampler,
)

from alkit.pool.loaders import train_loader
from alkit.pool.samples import PoolView


def beside_unannotated(
    annotated: DataLoader,
    others: PoolView,
    batch_size: int,
    generator: torch.Generator,
    **options: Any,
) -> CombinedLoader:
    """Batches ``{"annotated": (x, y), "unannotated": u}``, as many as of the annotated alone.

    The second is drawn with replacement, so that a batch costs the same whatever the size of the
    pool, and is loaded when it is needed. It is missing where nothing is left unannotated, as after
    the last query of a loop; a warning says so.
    """
    if not len(others):
        warnings.warn(
            "Nothing is left unannotated, so this trains on the annotated samples alone. To learn "
            "from others too, give a pool in which some are not annotated.",
            stacklevel=2,
        )
        return CombinedLoader({"annotated": annotated}, "min_size")
    count = len(annotated)
    drawn = RandomSampler(
        others, replacement=True, num_samples=count * batch_size, generator=generator
    )
    beside = train_loader(others, batch_size, drawn, count, **options)
    return CombinedLoader({"annotated": annotated, "unannotated": beside}, "min_size")
