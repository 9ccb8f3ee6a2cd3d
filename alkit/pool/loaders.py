"""How a strategy's batches come about: even ones for training, ids with inputs for scoring."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    Sampler,
    default_collate,
)

from alkit.pool.samples import PoolView


class EvenBatches(BatchSampler):
    """Batches of nearly equal size, at most ``batch_size``: 9 samples by 8 make 5 + 4, not 8 + 1.

    As many batches a pass as torch's own sampler gives, each sample once a pass, and never a
    batch of one that BatchNorm could not train on (unless there is only one sample).

    Args:
        sampler: the order of the samples, anew for each pass.
        batch_size: the most samples in a batch.
        drop_last: leave out what does not fill a batch, where there is a full one.
        length: batches an epoch, over as many passes as it takes; default: one pass.
    """

    def __init__(
        self,
        sampler: Sampler[int],
        batch_size: int,
        drop_last: bool = False,
        length: int | None = None,
    ) -> None:
        super().__init__(sampler, batch_size, drop_last)
        self.length = length
        self._endless = itertools.chain.from_iterable(self._pass() for _ in itertools.count())

    def __iter__(self) -> Iterator[list[int]]:
        # an epoch of a given length goes on where the one before it stopped
        return self._pass() if self.length is None else itertools.islice(self._endless, self.length)

    def _pass(self) -> Iterator[list[int]]:
        # nothing is drawn before the first batch: Lightning starts passes that it does not use
        order = np.fromiter(self.sampler, dtype=np.int64, count=len(self.sampler))  # type: ignore
        if self.drop_last and len(order) >= self.batch_size:
            order = order[: len(order) // self.batch_size * self.batch_size]
        parts = math.ceil(len(order) / self.batch_size)
        for part in np.array_split(order, parts):
            yield part.tolist()

    def __len__(self) -> int:
        full, rest = divmod(len(self.sampler), self.batch_size)  # type: ignore[arg-type]
        one_pass = full + (rest > 0 and not (self.drop_last and full))
        return one_pass if self.length is None else self.length


def train_loader(
    samples: Dataset,
    batch_size: int,
    shuffled: Sampler[int],
    length: int | None = None,
    *,
    drop_last: bool = False,
    **options: Any,
) -> DataLoader:
    """Even batches in an order of their own; the global random state is left alone.

    Args:
        samples: what to load.
        batch_size, shuffled, length, drop_last: see ``EvenBatches``.
        **options: of torch's DataLoader.
    """
    batches = EvenBatches(shuffled, batch_size, drop_last, length)
    own = torch.Generator()  # a loader draws from it at each start
    if isinstance(samples, PoolView) and options.get("collate_fn") is None:
        samples, options = _InOneRead(samples), {**options, "collate_fn": _collated}
    return DataLoader(samples, batch_sampler=batches, generator=own, **options)


def eval_loader(
    samples: Dataset, batch_size: int, *, drop_last: bool = False, **options: Any
) -> DataLoader:
    """Batches of all samples in their order, whatever ``drop_last`` says of training."""
    return DataLoader(samples, batch_size, shuffle=False, generator=torch.Generator(), **options)


def scoring_loader(
    view: PoolView, batch_size: int, *, collate_fn: Callable | None = None, **options: Any
) -> DataLoader:
    """``(ids, batch)`` of a view without labels; ``collate_fn`` is given the inputs alone."""
    samples = _InOneRead(view) if collate_fn is None else view
    collate = partial(_with_ids, collate_fn or _collated)
    return eval_loader(_WithIds(samples, view.indices), batch_size, collate_fn=collate, **options)


def _with_ids(collate: Callable, batch: tuple[np.ndarray, Any]) -> tuple[torch.Tensor, Any]:
    ids, items = batch
    return torch.from_numpy(ids), collate(items)


class _InOneRead(Dataset):
    """Gives ``_collated`` whole batches where a view has them, else items."""

    def __init__(self, view: PoolView) -> None:
        self._view = view

    def __len__(self) -> int:
        return len(self._view)

    def __getitem__(self, position: int) -> Any:
        return self._view[position]

    def __getitems__(self, positions: list[int]) -> Any:
        batch = self._view.stacked(positions)
        return [self._view[k] for k in positions] if batch is None else _Stacked(batch)


class _Stacked:
    def __init__(self, batch: Any) -> None:
        self.batch = batch


def _collated(items: Any) -> Any:
    return items.batch if isinstance(items, _Stacked) else default_collate(items)


class _WithIds(Dataset):
    """The dataset indices of whole batches beside their items."""

    def __init__(self, samples: Dataset, indices: np.ndarray) -> None:
        self._samples = samples
        self._indices = indices

    def __len__(self) -> int:
        return len(self._indices)

    def __getitems__(self, positions: list[int]) -> tuple[np.ndarray, Any]:
        samples = self._samples
        if isinstance(samples, _InOneRead):
            items = samples.__getitems__(positions)
        else:
            items = [samples[k] for k in positions]
        return self._indices[positions], items
