"""Rows of a ``.npy`` file as samples."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from alkit.errors import UnreadableSampleError
from alkit.features.npy import load_rows, read_names
from alkit.project.samples.images import SUFFIXES
from alkit.project.samples.pictures import shown_file
from alkit.project.samples.source import Kind, Shown, Stamp, hash_of

NOT_FINITE = "its row has NaN or infinity"


class Embeddings:
    """The rows of a ``.npy`` file, ``(N, D)``, which stays on disk.

    A name that is the path of an image below the folder of the names shows that image; any other
    name is shown as a text.

    Args:
        path: path of the ``.npy`` file.
        names: text file with the name of each row, one per line. Default: the numbers of the rows.

    Raises:
        ProjectError: a file is missing or holds something else, or the names do not fit.
    """

    kind: Kind = "vector"

    def __init__(
        self, path: str | os.PathLike[str], names: str | os.PathLike[str] | None = None
    ) -> None:
        self.where = str(path)
        self._modified = 0
        self.rows = load_rows(Path(path))
        facts = os.stat(path)
        self._modified = max(facts.st_mtime_ns, facts.st_ctime_ns)
        count = len(self.rows)
        named = names is not None
        self.names = read_names(Path(names), count, self.where) if named else _numbers(count)
        self._base = Path(names if named else path).resolve().parent
        self._places = {name: row for row, name in enumerate(self.names)}
        self.problems: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self.names)

    def read(self, name: str) -> np.ndarray:
        """The row, ``(D,)`` in float32."""
        row = np.array(self.rows[self._places[name]], np.float32)
        if not np.isfinite(row).all():
            raise UnreadableSampleError(NOT_FINITE)
        return row

    def shown(self, name: str) -> Shown:
        """The image that the name is the path of, or the name."""
        path = (self._base / name).resolve()
        if path.suffix.lower() in SUFFIXES and path.is_relative_to(self._base) and path.is_file():
            return shown_file(path)
        return Shown(name.encode(), "text/plain; charset=utf-8")

    def stamp(self, name: str) -> Stamp:
        """Size of the row, and last change of the file."""
        return Stamp(self.rows.shape[1] * self.rows.dtype.itemsize, self._modified)

    def hash(self, name: str) -> str:
        """Hash of the row. Raises an OSError if it is not finite."""
        row = np.asarray(self.rows[self._places[name]])
        if not np.isfinite(row).all():
            raise OSError(NOT_FINITE)
        return hash_of(row.tobytes())


def _numbers(count: int) -> list[str]:
    return [str(row) for row in range(count)]
