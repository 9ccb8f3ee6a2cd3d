"""Batches of unannotated samples, for training that learns from them too."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import Any, Protocol, TypeGuard

import lightning as L
import torch
from lightning.pytorch.utilities import CombinedLoader, rank_zero_info
from torch.utils.data import DataLoader, RandomSampler

from alkit.errors import warn
from alkit.pool.loaders import train_loader
from alkit.pool.samples import PoolView


class LearnsFromUnannotated(Protocol):
    """LightningModule whose training batches are ``{"annotated": (x, y), "unannotated": u}``.

    Any LightningModule with these two methods gets such batches from a strategy. If no
    unannotated sample is left, ``"unannotated"`` is missing. An epoch is one pass over the
    annotated samples; with the attribute ``epoch_covers_unannotated = True`` it is one pass over
    the larger of the two sets, and the smaller one is repeated.
    """

    def unannotated_batch_size(self, batch_size: int) -> int:
        """Number of unannotated samples per step, given the batch size of annotated samples."""
        ...

    def begin_fit(
        self, annotated: int, unannotated: int, generator: Callable[[str], torch.Generator]
    ) -> None:
        """Prepare a fit, given the sizes of the pool and a function from purposes to generators."""
        ...


def learns_from_unannotated(module: object) -> TypeGuard[LearnsFromUnannotated]:
    """True if the training batches of a module contain unannotated samples."""
    return getattr(module, "unannotated_batch_size", None) is not None


def steps_of_epoch(
    module: LearnsFromUnannotated, annotated: int, unannotated: int, size: int, given: int | None
) -> int | None:
    """Steps of an epoch by the rule of a module; None for one pass over the annotated samples.

    Args:
        module: the module that is trained.
        annotated, unannotated: numbers of samples.
        size: batch size of the annotated samples.
        given: the ``steps_per_epoch`` of the strategy, which goes first.
    """
    if given is not None or not getattr(module, "epoch_covers_unannotated", False):
        return given
    return max(ceil(annotated / size), ceil(unannotated / module.unannotated_batch_size(size)))


def say_steps(module: object, trainer: L.Trainer, name: str) -> None:
    """Log how many steps an epoch has, if both sets of samples count and epochs limit the fit."""
    if learns_from_unannotated(module) and trainer.max_steps < 0:
        rank_zero_info(
            f"An epoch of this {name} has {trainer.num_training_batches} gradient steps; "
            "steps_per_epoch= sets another number."
        )


def beside_unannotated(
    annotated: DataLoader,
    others: PoolView,
    batch_size: int,
    generator: torch.Generator,
    **options: Any,
) -> CombinedLoader:
    """Batches ``{"annotated": (x, y), "unannotated": u}``, one per annotated batch.

    Unannotated samples are drawn with replacement, so that a batch costs the same whatever the
    size of the pool, and are loaded on demand. If no unannotated sample is left, as after the last
    query of a loop, they are missing and a warning reports it.
    """
    if not len(others):
        warn(
            "No unannotated sample is left, so this trains on the annotated samples alone. To "
            "learn from unannotated samples too, use a pool that has some."
        )
        return CombinedLoader({"annotated": annotated}, "min_size")
    count = len(annotated)
    drawn = RandomSampler(
        others, replacement=True, num_samples=count * batch_size, generator=generator
    )
    beside = train_loader(others, batch_size, drawn, count, **options)
    return CombinedLoader({"annotated": annotated, "unannotated": beside}, "min_size")
