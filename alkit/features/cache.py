"""Vectors of contents on disk, which are computed once: whole files, and parts of unfinished ones.

A whole one is ``NAME-DIGEST.npy`` and ``NAME.json``, which names it and is written last. A part is
``NAME.part``, rows that were computed so far, and ``NAME.part.txt``, the hashes of their contents:
a row counts when its hash is there. Files are written, never mapped for writing, since a full disk
would end the process.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from hashlib import blake2b
from itertools import chain, takewhile
from pathlib import Path

import numpy as np

from alkit.atomic import sync_folder, write_whole, writing
from alkit.errors import FolderError

Source = tuple[Sequence[str], np.ndarray]  # hashes of contents, and the row of each
ROWS = 4096  # rows that are copied at once
HASH = 32  # characters


class Cache:
    """Vectors of contents by one recipe.

    Args:
        folder: folder of the files, which is created if it is missing.
        name: start of the names of the files.
        recipe: description of all that determines the vectors but the contents.
        file: fixed name of the whole file. Default: a name with a hash of the contents.
    """

    def __init__(self, folder: Path, name: str, recipe: str, file: str = "") -> None:
        self.folder, self.name, self.recipe, self.file = folder, name, recipe, file
        self._index = folder / f"{name}.json"
        self.contents: list[str] = []
        self.rows: np.ndarray | None = None
        self._read()

    def _read(self) -> None:
        """Read the whole file, if there is one that is not damaged and of the same recipe."""
        with suppress(OSError, EOFError, ValueError, KeyError, TypeError):
            index = json.loads(self._index.read_text(encoding="utf-8"))
            if index["recipe"] == self.recipe:
                rows = np.load(self.folder / index["file"], mmap_mode="r", allow_pickle=False)
                if len(rows) == len(index["contents"]):
                    self.rows, self.contents = rows, index["contents"]

    def ordered(self, contents: Sequence[str]) -> np.ndarray | None:
        """The vectors of these contents, in their order, if the file is about these alone."""
        if self.rows is None or set(contents) != set(self.contents):
            return None
        if list(contents) == self.contents:
            return self.rows
        return self.write(contents, [(self.contents, self.rows)])

    def write(self, contents: Sequence[str], sources: Iterable[Source]) -> np.ndarray:
        """Write a whole file.

        Args:
            contents: the contents, in their order.
            sources: contents and their rows; each of the contents is in one of these.

        Returns:
            ``(N, D)``, mapped to the file.

        Raises:
            FolderError: the file cannot be written; nothing of it remains.
        """
        pairs = [({key: row for row, key in enumerate(keys)}, rows) for keys, rows in sources]
        chunks = (
            _gathered(contents[at : at + ROWS], pairs) for at in range(0, len(contents), ROWS)
        )
        return self.write_chunks(contents, chunks)

    def write_chunks(self, contents: Sequence[str], chunks: Iterator[np.ndarray]) -> np.ndarray:
        """Write a whole file of chunks of rows; see ``write``."""
        first = next(chunks)
        width, dtype = first.shape[1], first.dtype
        digest = blake2b("\n".join((self.recipe, *contents)).encode(), digest_size=8).hexdigest()
        path = self.folder / (self.file or f"{self.name}-{digest}.npy")
        beside = self.folder / f".{path.name}.part"
        header = {"descr": dtype.str, "fortran_order": False, "shape": (len(contents), width)}
        check_space(self.folder, len(contents) * width * dtype.itemsize)
        with writing(path):
            try:
                with open(beside, "wb") as file:
                    np.lib.format.write_array_header_1_0(file, header)
                    for chunk in chain((first,), chunks):
                        file.write(np.ascontiguousarray(chunk, dtype).data)
                    file.flush()
                    os.fsync(file.fileno())
                if self.file:  # the index is of other rows until it is written again
                    write_whole(self._index, json.dumps({"recipe": None}))
                os.replace(beside, path)
            except BaseException:
                beside.unlink(missing_ok=True)
                raise
            sync_folder(self.folder)
        index = {"recipe": self.recipe, "file": path.name, "contents": list(contents)}
        write_whole(self._index, json.dumps(index, indent=0))
        for old in self.folder.glob(f"{self.name}-*.npy"):
            if old != path and len(old.name) == len(path.name):
                with suppress(OSError):  # Windows: it is still mapped
                    old.unlink()
        rows = np.load(path, mmap_mode="r", allow_pickle=False)
        self.contents, self.rows = list(contents), rows
        return rows


class Part:
    """Rows that an unfinished computation has so far.

    Args:
        cache: the whole that they are to be part of.
    """

    def __init__(self, cache: Cache) -> None:
        self._data = cache.folder / f"{cache.name}.part"
        self._index = cache.folder / f"{cache.name}.part.txt"
        self._recipe = cache.recipe
        self.contents: list[str] = []
        self.dtype, self.width = np.dtype(np.float32), 0
        if not self._read():
            self.remove()

    def _read(self) -> bool:
        """Read the hashes of the rows that are whole, and cut off the others."""
        try:
            first, *lines = self._index.read_text(encoding="utf-8").split("\n")
            head = json.loads(first)
            if head["recipe"] != self._recipe:
                return False
            self.dtype, self.width = np.dtype(head["dtype"]), int(head["width"])
            whole = self._data.stat().st_size // self._nbytes
        except (OSError, ValueError, KeyError, TypeError):
            return False
        self.contents = list(takewhile(lambda line: len(line) == HASH, lines[:whole]))
        with writing(self._data):
            os.truncate(self._data, len(self.contents) * self._nbytes)
            size = len(first.encode()) + 1 + len(self.contents) * (HASH + 1)
            os.truncate(self._index, min(size, self._index.stat().st_size))
        return True

    @property
    def _nbytes(self) -> int:
        return self.width * self.dtype.itemsize

    @property
    def rows(self) -> np.ndarray:
        """``(M, D)`` the rows, mapped to the file."""
        if not self.contents:
            return np.empty((0, self.width), self.dtype)
        shape = (len(self.contents), self.width)
        return np.memmap(self._data, self.dtype, "r", shape=shape)

    def append(self, contents: Sequence[str], rows: np.ndarray) -> None:
        """Add rows; they count when this returns, and in part if the process is killed before."""
        with writing(self._data):
            if not self.width:
                self.dtype, self.width = rows.dtype, rows.shape[1]
                head = {"recipe": self._recipe, "dtype": self.dtype.str, "width": self.width}
                self._index.write_text(json.dumps(head) + "\n", encoding="utf-8")
            _append(self._data, np.ascontiguousarray(rows, self.dtype).tobytes())
            _append(self._index, "".join(f"{content}\n" for content in contents).encode())
        self.contents += contents

    def remove(self) -> None:
        """Delete the files."""
        self.contents, self.width = [], 0
        for path in (self._index, self._data):
            with suppress(OSError):
                path.unlink()


def check_space(folder: Path, nbytes: int) -> None:
    """Raise a FolderError if a file of this size does not fit on the disk of a folder."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    if nbytes > free:
        raise FolderError(
            f"the features need {nbytes / 1e6:,.0f} MB in {folder}, and {free / 1e6:,.0f} MB are "
            "free. Nothing was written. Free up disk space, then start again."
        )


def _append(path: Path, content: bytes) -> None:
    with open(path, "ab") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _gathered(
    contents: Sequence[str], sources: Sequence[tuple[dict[str, int], np.ndarray]]
) -> np.ndarray:
    """Rows of some contents, each from the first array that has it."""
    first = sources[0][1]
    rows = np.empty((len(contents), first.shape[1]), first.dtype)
    for place, content in enumerate(contents):
        known, array = next(source for source in sources if content in source[0])
        rows[place] = array[known[content]]
    return rows
