"""Batches of unannotated samples, for trainings that learn from them too."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Protocol

import torch
from lightning.pytorch.utilities import CombinedLoader
from torch.utils.data import DataLoader, RandomSampler

from alkit.pool.loaders import train_loader
from alkit.pool.samples import PoolView


class LearnsFromUnannotated(Protocol):
    """A LightningModule whose training batches are ``{"annotated": (x, y), "unannotated": u}``.

    Any LightningModule with these two methods gets such batches from a strategy. Where nothing is
    left unannotated, ``"unannotated"`` is missing.
    """

    def unannotated_batch_size(self, batch_size: int) -> int:
        """Number of unannotated samples per step, for batches of annotated ones of a size."""
        ...

    def begin_fit(
        self, annotated: int, unannotated: int, generator: Callable[[str], torch.Generator]
    ) -> None:
        """Called before each fit, with the sizes of the pool and random numbers by purpose."""
        ...


def beside_unannotated(
    annotated: DataLoader,
    others: PoolView,
    batch_size: int,
    generator: torch.Generator,
    **options: Any,
) -> CombinedLoader:
    """Batches ``{"annotated": (x, y), "unannotated": u}``, one for each annotated batch.

    Unannotated samples are drawn with replacement, so that a batch costs the same whatever the
    size of the pool, and are loaded when they are needed. They are missing where nothing is left
    unannotated, as after the last query of a loop, which is reported by a warning.
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
