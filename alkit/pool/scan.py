"""Scan of a pool for samples that cannot be read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

from alkit.errors import UnreadableSampleError
from alkit.pool.annotations import Indices
from alkit.pool.workers import Loader, OfView
from alkit.progress import Bar

if TYPE_CHECKING:
    from alkit.pool.dataset import ActiveLearningDataset

FEW = 64  # samples that are read without workers
BATCH = 64
WORKERS = ("num_workers", "multiprocessing_context", "timeout", "worker_init_fn", "prefetch_factor")


def scan(
    pool: ActiveLearningDataset, indices: Indices, options: Mapping[str, Any]
) -> dict[int, str]:
    """Reasons why some samples cannot be read, by dataset index.

    Args:
        pool: the pool.
        indices: dataset indices.
        options: options of a DataLoader; only those of its workers are used.

    Cost: a read of each sample, under the scoring transform.
    """
    view = pool.view(indices, labels=False, scoring=True)
    few = len(view) <= FEW
    workers = {name: options[name] for name in WORKERS if name in options and not few}
    found: dict[int, str] = {}
    batches = Loader(
        _Reasons(view), BATCH, collate_fn=_as_it_is, generator=torch.Generator(), **workers
    )
    with Bar(len(view), "reading") as bar:
        for number, reasons in enumerate(batches, 1):
            found |= reasons
            bar.at(min(number * BATCH, len(view)), len(view))
    return found


def _as_it_is(batch: Any) -> Any:
    return batch


class _Reasons(OfView):
    """Dataset of batches, with the reason of each sample of a view that cannot be read."""

    def __getitems__(self, positions: list[int]) -> dict[int, str]:
        try:
            self._view.__getitems__(positions)
        except UnreadableSampleError:
            reasons = {k: self._reason(k) for k in positions}
            return {self._view.indices.item(k): reason for k, reason in reasons.items() if reason}
        return {}

    def _reason(self, position: int) -> str:
        try:
            self._view[position]
        except UnreadableSampleError as error:
            return str(error)
        return ""
