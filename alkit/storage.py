"""Places for large matrices: memory, or a temporary file that is mapped."""

from __future__ import annotations

import math
import os
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import torch
from torch import Tensor

from alkit.arguments import check_number
from alkit.atomic import as_path
from alkit.errors import ConfigurationError, NotEnoughMemoryError
from alkit.hardware import free_memory
from alkit.progress import announce

DTYPES = {"float32": torch.float32, "float16": torch.float16}
BLOCK = 2**24  # bytes that are copied at a time
SMALL = 2**26  # bytes that are always held in memory


@dataclass(frozen=True)
class Storage:
    """Place of the outputs and features that a query keeps of all candidates.

        strategy.storage = al.querying.Storage("float16", share=0)     # always in a file

    They stay in memory unless they take more than 64 MB and more than a share of the free memory.
    Otherwise they go to a temporary file, which is mapped: the system keeps in memory what is used
    and has room. A line on the standard error output states its size first. The file has no name:
    its space is free again after the query, or when the process ends in any way.

    Args:
        dtype: type of the features in the file, ``"float32"``, or ``"float16"`` for half the size
            and three digits. Default: that of the model.
        folder: folder of the file. Default: that of the variable ``TMPDIR``, else ``/var/tmp``,
            which, unlike ``/tmp``, is not in memory.
        share: share of the free memory, in [0, 1]; 0 to use a file in any case.

    Raises:
        ConfigurationError: an argument is out of range, or there is no such folder.
    """

    dtype: str | None = None
    folder: str | os.PathLike[str] | None = None
    share: float = 0.5

    def __post_init__(self) -> None:
        if self.dtype is not None and self.dtype not in DTYPES:
            raise ConfigurationError(
                f'dtype must be "float32", "float16" or None, got {self.dtype!r}.'
            )
        check_number("share", self.share, "a number in [0, 1]", lambda share: 0 <= share <= 1)
        if self.folder is not None and not as_path(self.folder).is_dir():
            raise ConfigurationError(
                f"there is no folder {str(self.folder)!r} to keep features in."
            )

    def holds(self, nbytes: int, device: torch.device) -> bool:
        """True if this many bytes are kept on the device, and not in a file."""
        return nbytes <= SMALL or nbytes <= self.share * free_memory(device)

    def empty(
        self, shape: Sequence[int], dtype: torch.dtype, device: torch.device, what: str
    ) -> Tensor:
        """Allocate a tensor on the device; on the CPU, in a file if it does not fit in memory.

        Args:
            shape: its shape.
            dtype: its type.
            device: the device.
            what: name of its content, for the line and the error.

        Raises:
            NotEnoughMemoryError: there is no room for the file.
        """
        nbytes = math.prod(shape) * dtype.itemsize
        if device.type != "cpu" or not nbytes or self.holds(nbytes, device):
            return torch.empty(*shape, dtype=dtype, device=device)
        folder = _folder() if self.folder is None else Path(self.folder)
        free = shutil.disk_usage(folder).free
        size, kind = f"{nbytes / 1e9:.1f} GB", str(dtype).removeprefix("torch.")
        memory, reason = f"{free_memory(device) / 1e9:.1f} GB of memory are free", None
        if nbytes <= free:
            announce(f"{what}, {size} of {kind}, go to a temporary file in {folder}: {memory}.")
            try:
                return _mapped(folder, nbytes).view(dtype).view(*shape)
            except OSError as error:
                free, reason = shutil.disk_usage(folder).free, error
        failed = "" if reason is None else f" ({reason.strerror or reason})"
        raise NotEnoughMemoryError(
            f"{what} need {size}: {memory}, and {free / 1e9:.1f} GB of disk in {folder}{failed}. "
            "Nothing was selected. Name a folder with more room, Storage(folder=...) or TMPDIR, "
            'halve them with Storage("float16"), or choose among a part of the pool.'
        ) from reason


DEFAULT = Storage()


def some(rows: Tensor, places: Tensor | slice, storage: Storage = DEFAULT) -> Tensor:
    """Some rows; a copy that does not fit into memory is made block by block, in a temporary file.

    Args:
        rows: ``(N, ...)``, in memory or mapped.
        places: positions of the rows, a mask, on any device; or a slice, which copies nothing.
        storage: place of the copy.
    """
    if not isinstance(places, Tensor):
        return rows[places]
    places, nbytes = places.to(rows.device), rows.nbytes // max(rows.shape[0], 1)
    if rows.device.type != "cpu" or places.shape[0] * nbytes <= SMALL:
        return rows[places]
    if places.dtype == torch.bool:
        places = places.nonzero().flatten()
    if storage.holds(len(places) * nbytes, rows.device):
        return rows[places]
    what = f"{len(places):,} of {len(rows):,} rows"
    copy = storage.empty((len(places), *rows.shape[1:]), rows.dtype, rows.device, what)
    size = max(1, BLOCK // max(1, nbytes))
    for start in range(0, len(places), size):
        copy[start : start + size] = rows[places[start : start + size]]
    return copy


def _folder() -> Path:
    """Folder of large temporary files: a named one, else ``/var/tmp``, else that of tempfile."""
    named = any(os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP"))
    large = Path("/var/tmp")
    if not named and large.is_dir() and os.access(large, os.W_OK):
        return large
    return Path(tempfile.gettempdir())


def _mapped(folder: Path, nbytes: int) -> Tensor:
    """Bytes of a new file without a name; an OSError if the disk has no room for all of them."""
    with closing(tempfile.TemporaryFile(dir=folder)) as file:
        _reserve(file, nbytes)
        return torch.from_numpy(np.memmap(file, np.uint8, "r+", shape=(nbytes,)))


def _reserve(file: IO[bytes], nbytes: int) -> None:
    """Reserve all blocks: a mapped page without one ends the process once the disk is full."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, nbytes)
        return
    zeros = bytes(BLOCK)
    for start in range(0, nbytes, BLOCK):
        file.write(zeros[: nbytes - start])
    file.flush()
