"""How a strategy's batches come about: even ones for training, ids with inputs for scoring."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from torch.utils.data import BatchSampler, Dataset, Sampler

from alkit.pool import PoolView


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

    def __iter__(self) -> Iterator[list[int]]:
        if self.length is None:
            return self._pass()
        passes = (self._pass() for _ in itertools.count())
        return itertools.islice(itertools.chain.from_iterable(passes), self.length)

    def _pass(self) -> Iterator[list[int]]:
        order = np.fromiter(self.sampler, dtype=np.int64)
        if self.drop_last and len(order) >= self.batch_size:
            order = order[: len(order) // self.batch_size * self.batch_size]
        parts = math.ceil(len(order) / self.batch_size)
        return (part.tolist() for part in np.array_split(order, parts))

    def __len__(self) -> int:
        full, rest = divmod(len(self.sampler), self.batch_size)  # type: ignore[arg-type]
        one_pass = full + (rest > 0 and not (self.drop_last and full))
        return one_pass if self.length is None else self.length


class WithIds(Dataset):
    """``(dataset index, input)`` for each sample of a view without labels."""

    def __init__(self, view: PoolView) -> None:
        self._view = view

    def __len__(self) -> int:
        return len(self._view)

    def __getitem__(self, position: int) -> tuple[int, Any]:
        return int(self._view.indices[position]), self._view[position]
