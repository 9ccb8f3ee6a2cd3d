"""Outputs of a network on disk, by content of the samples and by weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from alkit.features.cache import HASH, ROWS, Cache
from alkit.features.encoders import Rows
from alkit.features.source import Source
from alkit.features.vectors import Job, Made, vectors
from alkit.lock import wait_for


def on_disk(folder: Path, recipe: str, source: Source, make: Callable[[Source], Rows]) -> Rows:
    """Rows of the samples, of which only those that are not on disk are made.

    The samples are read once more, for a hash of each. Interrupted at any moment, it continues
    where it was. Another process that makes rows in the same folder is waited for.

    Args:
        folder: folder of the files.
        recipe: description of all that determines the rows but the samples.
        source: the samples.
        make: function that makes the rows of some samples.

    Raises:
        FolderError: the folder cannot be written.
    """
    contents = [key for ids, batch in source.batches() for key in _contents(batch, len(ids))]

    def made(todo: list[str]) -> Made:
        first = 0
        for rows in make(replace(source, ids=np.array(todo, np.int64))):
            yield todo[first : first + len(rows)], rows
            first += len(rows)

    with ExitStack() as stack:
        wait_for(stack, folder)
        name = f"frozen-{blake2b(recipe.encode(), digest_size=8).hexdigest()}"
        job = Job(folder, [str(index) for index in source.ids.tolist()], contents)
        rows = vectors(Cache(folder, name, recipe), job, made).rows
    for start in range(0, len(rows), ROWS):
        yield np.array(rows[start : start + ROWS])


def _contents(batch: Any, count: int) -> Iterator[str]:
    """Hash of the content of each sample of a batch."""
    for position in range(count):
        digest = blake2b(digest_size=HASH // 2)
        for part in _parts(batch, position, count):
            digest.update(len(part).to_bytes(8, "little"))
            digest.update(part)
        yield digest.hexdigest()


def _parts(batch: Any, position: int, count: int) -> Iterator[bytes]:
    if isinstance(batch, Mapping):
        for key in sorted(batch, key=str):
            yield str(key).encode()
            yield from _parts(batch[key], position, count)
    elif isinstance(batch, Tensor | np.ndarray):
        row = batch[position]
        row = row.detach().cpu().contiguous().numpy() if isinstance(row, Tensor) else row
        yield f"{row.dtype} {row.shape}".encode()
        yield np.ascontiguousarray(row).tobytes()
    elif batch and all(isinstance(part, str) for part in batch):
        yield batch[position].encode("utf-8", "surrogatepass")
    elif batch and all(getattr(part, "shape", ())[:1] == (count,) for part in batch):
        for part in batch:  # several inputs
            yield from _parts(part, position, count)
    else:  # a list of inputs of different shapes
        yield from _parts(batch[position][None], 0, 1)
