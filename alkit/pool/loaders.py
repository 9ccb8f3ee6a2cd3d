"""Batches of a strategy: evenly sized for training, ids with inputs for scoring."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
)

from alkit.errors import ConfigurationError, warn
from alkit.pool.collating import collated, with_labels
from alkit.pool.samples import PoolView
from alkit.pool.workers import Loader, OfView
from alkit.processes import share_of_batch

if TYPE_CHECKING:
    from alkit.pool.dataset import ActiveLearningDataset


class Order(Protocol):
    """Order of samples, of a known length."""

    def __iter__(self) -> Iterator[int]: ...

    def __len__(self) -> int: ...


class EvenBatches(BatchSampler):
    """Batches of nearly equal size, at most ``batch_size``: 9 samples by 8 give 5 + 4, not 8 + 1.

    A pass has the same number of batches as with torch's own sampler, and each sample once. No
    batch has a single sample, which BatchNorm could not train on (unless there is only one).

    Args:
        sampler: order of the samples, drawn again for each pass.
        batch_size: largest number of samples in a batch.
        drop_last: True to leave out samples that do not fill a batch, if there is a full batch.
        length: number of batches per epoch, taken from several passes if needed. Default: one
            pass.
    """

    sampler: Order

    def __init__(
        self,
        sampler: Order,
        batch_size: int,
        drop_last: bool = False,
        length: int | None = None,
    ) -> None:
        super().__init__(sampler, batch_size, drop_last)
        self.length = length
        self._endless = itertools.chain.from_iterable(self._pass() for _ in itertools.count())

    def __iter__(self) -> Iterator[list[int]]:
        # an epoch of a given length continues where the previous one stopped
        return self._pass() if self.length is None else itertools.islice(self._endless, self.length)

    def _pass(self) -> Iterator[list[int]]:
        # nothing is drawn before the first batch: Lightning starts passes that it does not use
        order = np.fromiter(self.sampler, dtype=np.int64, count=len(self.sampler))
        for part in np.array_split(order[: self._used], self._parts):
            yield share_of_batch(part).tolist()

    def __len__(self) -> int:
        return self._parts if self.length is None else self.length

    @property
    def _used(self) -> int:
        """Number of samples in a pass."""
        total = len(self.sampler)
        return (
            total - total % self.batch_size if self.drop_last and total > self.batch_size else total
        )

    @property
    def _parts(self) -> int:
        """Number of batches in a pass."""
        return math.ceil(self._used / self.batch_size)

    def size(self, batch: int) -> int:
        """Number of samples of all processes in a batch, which is counted from the first."""
        low, larger = divmod(self._used, self._parts)
        return low + (batch % self._parts < larger)


def train_loader(
    samples: Dataset,
    batch_size: int,
    shuffled: Order,
    length: int | None = None,
    *,
    drop_last: bool = False,
    **options: Any,
) -> DataLoader:
    """Loader of even batches in the order of ``shuffled``; leaves the global random state alone.

    Args:
        samples: dataset to load.
        batch_size, shuffled, length, drop_last: see ``EvenBatches``.
        **options: further arguments of torch's DataLoader.
    """
    batches = EvenBatches(shuffled, batch_size, drop_last, length)
    own = torch.Generator()  # a loader draws from it at each start
    if isinstance(samples, PoolView) and options.get("collate_fn") is None:
        collate = partial(_collated, partial(with_labels, key=samples.label_key))
        samples, options = _InOneRead(samples), {**options, "collate_fn": collate}
    return Loader(samples, batch_sampler=batches, generator=own, **options).checked()


def eval_loader(
    samples: Dataset, batch_size: int, *, drop_last: bool = False, **options: Any
) -> DataLoader:
    """Loader of all samples in their order; ``drop_last``, which is for training, is ignored."""
    return Loader(samples, batch_size, shuffle=False, generator=torch.Generator(), **options)


def scoring_loader(
    view: PoolView, batch_size: int, *, collate_fn: Callable | None = None, **options: Any
) -> DataLoader:
    """Loader of ``(ids, batch)`` for a view without labels; ``collate_fn`` gets inputs only."""
    samples = _InOneRead(view) if collate_fn is None else view
    collate = partial(_with_ids, collate_fn or partial(_collated, collated))
    return eval_loader(_WithIds(samples, view.indices), batch_size, collate_fn=collate, **options)


def is_paid_for(pool: ActiveLearningDataset, loader: object) -> bool:
    """True if a loader for training has samples of views of the pool only.

    False, with a warning, if it has the whole dataset: the batches of the pool replace it.

    Raises:
        ConfigurationError: it has other samples.
    """
    samples = getattr(loader, "dataset", None)
    if isinstance(samples, PoolView) and samples.reader is pool._reader:
        if (pool.rounds[samples.indices] < 0).any():
            raise ConfigurationError(
                "The Trainer was given a loader of unannotated samples: call trainer.fit(strategy) "
                "without it."
            )
        return True
    if samples is not pool and samples is not pool._samples.dataset:
        raise ConfigurationError(
            "A strategy trains on the annotated samples of its pool, and the loader that the "
            "Trainer was given has other samples: call trainer.fit(strategy) without it "
            "(val_dataloaders= is allowed, and datamodule=, whose training data is not used). To "
            "train on more samples, put them into the pool and annotate them."
        )
    warn(
        "The Trainer was given a loader of the whole dataset: this trains on the annotated samples "
        "of the pool alone, in batches of the strategy's batch_size. Call trainer.fit(strategy) "
        "without a train loader."
    )
    return False


def _with_ids(collate: Callable, batch: tuple[np.ndarray, Any]) -> tuple[torch.Tensor, Any]:
    ids, items = batch
    return torch.from_numpy(ids), collate(items)


class _InOneRead(OfView):
    """Dataset that passes whole batches of a view to ``_collated`` where possible, else items."""

    def __getitem__(self, position: int) -> object:
        return self._view[position]

    def __getitems__(self, positions: list[int]) -> list[object] | _Stacked:
        batch = self._view.stacked(positions)
        return self._view.__getitems__(positions) if batch is None else _Stacked(batch)


class _Stacked:
    def __init__(self, batch: object) -> None:
        self.batch = batch


def _collated(collate: Callable, items: list[object] | _Stacked) -> object:
    return items.batch if isinstance(items, _Stacked) else collate(items)


class _WithIds(OfView):
    """Dataset of whole batches: dataset indices together with the items."""

    def __init__(self, samples: _InOneRead | PoolView, indices: np.ndarray) -> None:
        super().__init__(samples)
        self._indices = indices

    def __getitems__(self, positions: list[int]) -> tuple[np.ndarray, Any]:
        return self._indices[positions], self._view.__getitems__(positions)
