"""Outputs of a network on disk, by content of the samples and by weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from alkit.errors import FeaturesError
from alkit.features.cache import HASH, ROWS, Cache
from alkit.features.encoders import Rows
from alkit.features.source import Source
from alkit.features.vectors import Job, Made, vectors
from alkit.lock import wait_for

LOCK = ".frozen.lock"  # a folder of records is locked by the run that asks for the features


def on_disk(
    folder: Path,
    recipe: str,
    source: Source,
    make: Callable[[Source], Rows],
    network: nn.Module | None = None,
) -> Rows:
    """Rows of the samples, of which only those that are not on disk are made.

    The samples are read once more, for a hash of the input of each. Interrupted at any moment, it
    continues where it was. Another process that makes rows in the same folder is waited for.

    Args:
        folder: folder of the files.
        recipe: description of all that determines the rows but the samples.
        source: the samples.
        make: function that makes the rows of some samples.
        network: network whose inputs they are, if it is at hand.

    Raises:
        FeaturesError: an input has a content that cannot be told.
        FolderError: the folder cannot be written.
    """
    contents: list[str] = []
    for ids, batch in source.batches():
        x = source.input_of(batch, network)
        contents += hashes(x, len(ids), source.is_list(x, len(ids), network))

    def made(todo: list[str]) -> Made:
        first = 0
        for rows in make(replace(source, ids=np.array(todo, np.int64))):
            yield todo[first : first + len(rows)], rows
            first += len(rows)

    with ExitStack() as stack:
        wait_for(stack, folder, file=LOCK)
        name = f"frozen-{blake2b(recipe.encode(), digest_size=8).hexdigest()}"
        job = Job(folder, [str(index) for index in source.ids.tolist()], contents)
        rows = vectors(Cache(folder, name, recipe), job, made).rows
    for start in range(0, len(rows), ROWS):
        yield np.array(rows[start : start + ROWS])


def hashes(batch: Any, count: int, listed: bool = False) -> Iterator[str]:
    """Hash of the content of each sample of a batch, which may be a list of one per sample."""
    for position in range(count):
        digest = blake2b(digest_size=HASH // 2)
        parts = _content(batch[position]) if listed else _parts(batch, position, count)
        for part in parts:
            digest.update(len(part).to_bytes(8, "little"))
            digest.update(part)
        yield digest.hexdigest()


def _parts(batch: Any, position: int, count: int) -> Iterator[bytes]:
    if isinstance(batch, Mapping):
        for key in sorted(batch, key=str):
            yield str(key).encode()
            yield from _parts(batch[key], position, count)
    elif isinstance(batch, Tensor | np.ndarray) or (
        batch and all(isinstance(part, str) for part in batch)
    ):
        yield from _content(batch[position])
    else:
        for part in batch:  # several inputs
            yield from _parts(part, position, count)


def _content(x: Any) -> Iterator[bytes]:
    """The content of one input.

    Raises:
        FeaturesError: it cannot be told.
    """
    if isinstance(x, str):
        yield x.encode("utf-8", "surrogatepass")
    elif isinstance(x, Tensor | np.ndarray | np.generic):
        row = torch.as_tensor(x).detach().cpu().contiguous()
        yield f"{str(row.dtype).removeprefix('torch.')} {tuple(row.shape)}".encode()
        yield row.reshape(-1).view(torch.uint8).numpy().tobytes()
    else:
        raise FeaturesError(
            "folder= and cache_features= find outputs by the content of the inputs, and that of a "
            f"{type(x).__name__} cannot be hashed: omit them, or let collate_fn return tensors."
        )
