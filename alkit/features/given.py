"""Given features: an array or file with one row per sample, compared by number and names."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import torch
from torch import Tensor

from alkit.errors import FeaturesError
from alkit.features.npy import load_rows, read_names
from alkit.features.source import Source
from alkit.selectors import Given

ROWS = 4096  # rows that are read at once
BYTES = 2**24  # bytes of rows in one step of a checksum


def given(space: Given, source: Source) -> Iterator[np.ndarray]:
    """Chunks of the given rows of some samples.

    Raises:
        FeaturesError: their number or names are not those of the samples.
    """
    array = rows_of(space)
    check_rows(space, array, source)
    for start in range(0, len(source.ids), ROWS):
        ids = source.ids[start : start + ROWS]
        rows = array[ids]
        rows = rows.float().cpu().numpy() if isinstance(rows, Tensor) else rows.astype(np.float32)
        yield rows


def check_rows(space: Given, array: Any, source: Source) -> None:
    """Raise a FeaturesError unless number and names of the rows are those of the samples."""
    if len(array) != source.total:
        raise FeaturesError(
            f"{space!r} has {len(array):,} rows, and there are {source.total:,} samples: give one "
            "row per sample of the dataset, in its order, whether it is annotated or not."
        )
    _check_names(space, source, len(array))


def rows_of(space: Given) -> Any:
    """The array or tensor ``(N, D)`` of given features; a file is mapped."""
    return space.array if space.path is None else load_rows(space.path)


def contents(space: Given) -> tuple[Hashable, ...]:
    """All that differs once the rows or names of a space differ.

    Cost: a checksum of rows in memory, about 0.3 s per GB.

    Raises:
        FeaturesError: the file no longer exists.
    """
    rows = digest(space.array) if space.path is None else _facts(space.path)
    names = _names_of(space)
    known = _facts(names) if isinstance(names, Path) else None if names is None else tuple(names)
    return str(space.path), rows, known


def digest(array: Any) -> str:
    """Text that differs for another array or tensor. Cost: a pass over it, about 0.3 s per GB."""
    checksum, step = 0, max(1, BYTES * len(array) // max(1, array.nbytes))
    for start in range(0, len(array), step):
        rows = array[start : start + step]
        if isinstance(rows, Tensor):
            rows = rows.detach().cpu().contiguous().view(torch.uint8).numpy()
        checksum = crc32(np.ascontiguousarray(rows).data, checksum)
    return f"{array.dtype} {tuple(array.shape)} {checksum:08x}"


def _facts(path: Path) -> tuple[int, ...]:
    """Facts about a file that differ once it is written."""
    try:
        facts = path.stat()
    except OSError as error:
        raise FeaturesError(f"the file {path} no longer exists: {error.strerror}.") from error
    return facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns


def _names_of(space: Given) -> Any:
    """Names of the rows, or the file with these, if it exists."""
    if space.names is None and space.path is not None:
        beside = space.path.with_suffix(".txt")
        return beside if beside.exists() else None
    return space.names


def _check_names(space: Given, source: Source, count: int) -> None:
    names = _names_of(space)
    if names is None or (space.names is None and source.names is None):
        return
    ours: Sequence[str] = (
        read_names(names, count, repr(space)) if isinstance(names, Path) else [*map(str, names)]
    )
    if source.names is None:
        raise FeaturesError(
            f"{space!r} has names, and the samples have none to compare: pass names= to the pool, "
            "or leave them out."
        )
    theirs = [name.strip() for name in source.names]
    if len(ours) != len(theirs):
        raise FeaturesError(f"{space!r} has {len(ours):,} names for {len(theirs):,} rows.")
    wrong = next((k for k, name in enumerate(theirs) if ours[k].strip() != name), None)
    if wrong is None:
        return
    remedy = "these are other samples: compute the features again."
    if sorted(map(str.strip, ours)) == sorted(theirs):
        remedy = (
            "the rows are in another order: sort them, rows[[names.index(name) for name in "
            "pool.names]]."
        )
    raise FeaturesError(
        f"row {wrong} of {space!r} is named {ours[wrong]!r}, and sample {wrong} "
        f"{theirs[wrong]!r}; {remedy}"
    )
