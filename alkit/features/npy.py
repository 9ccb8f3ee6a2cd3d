"""Arrays in ``.npy`` files, whose rows have names."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from alkit.errors import FeaturesError
from alkit.reading import text_of


def load_rows(path: Path) -> np.ndarray:
    """The array of a ``.npy`` file, ``(N, D)`` of numbers, mapped to the file.

    Raises:
        FeaturesError: there is no such file, or it holds something else.
    """
    try:
        rows = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise FeaturesError(f"there is no file {path}.") from None
    except (OSError, ValueError, EOFError) as error:
        raise FeaturesError(
            f"{path} is not a .npy file of numbers: {error}. Write it with numpy.save."
        ) from error
    if not isinstance(rows, np.ndarray) or rows.ndim != 2 or rows.dtype.kind not in "fiu":
        found = f"{rows.dtype} {rows.shape}" if isinstance(rows, np.ndarray) else "several arrays"
        raise FeaturesError(f"{path} must hold numbers of shape (N, D), got {found}.")
    if not rows.size:
        raise FeaturesError(f"{path} is empty: its shape is {rows.shape}.")
    return rows


def read_names(path: Path, count: int, rows: str) -> list[str]:
    """Names of the rows of a file, from a text file with one per line.

    Args:
        path: path of the text file.
        count: number of rows.
        rows: the file of the rows, for messages.

    Raises:
        FeaturesError: the file is missing, or does not have one name of its own for each row.
    """
    lines = text_of(path, f", with the names of the rows of {rows}").split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    names: dict[str, int] = {}
    for line, name in enumerate(map(str.strip, lines), start=1):
        if not name:
            raise FeaturesError(f"{path}, line {line}: this line is empty; expected a name.")
        if name in names:
            raise FeaturesError(f"{path}, line {line}: {name!r} is in line {names[name]} already.")
        names[name] = line
    if len(names) != count:
        raise FeaturesError(f"{path} has {len(names):,} names, and {rows} has {count:,} rows.")
    return list(names)


def rows_of(
    path: Path, names_file: Path | None, names: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Features of samples from a ``.npy`` file, and the names that have none.

    Args:
        path: the ``.npy`` file.
        names_file: file with the name of each row. Default: that with the suffix ``.txt``.
        names: names of the samples.

    Returns:
        The array ``(M, D)`` of the file, and the row of each sample, -1 where it has none.
    """
    rows = load_rows(path)
    names_file = names_file or path.with_suffix(".txt")
    if not names_file.exists():
        raise FeaturesError(
            f"{path} has {len(rows):,} rows, and nothing states which samples they are of: write "
            f"one name per line to {names_file} (the paths relative to the folder of the samples, "
            "with /), in the order of the rows."
        )
    places = {name: row for row, name in enumerate(read_names(names_file, len(rows), str(path)))}
    return rows, np.array([places.get(name.replace(os.sep, "/"), -1) for name in names])
