"""Files of ``alkit select``: arrays, names and scores, read and checked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from alkit.errors import PredictionError, SampleIndexError
from alkit.querying.row_list import RowList
from alkit.querying.row_names import rows_of_file, table


def array(option: str, path: Path) -> np.ndarray:
    """Map an array of a ``.npy`` file into memory: parts are read when they are used.

    Raises:
        PredictionError: it is not a file of one array of numbers.
    """
    with open(path, "rb") as file:
        if file.read(6) != b"\x93NUMPY":
            raise PredictionError(f"{option} {path} is not a .npy file: use numpy.save.")
    try:
        found = np.load(path, mmap_mode="c")  # copy on write: the file is never changed
    except (OSError, ValueError, EOFError) as error:
        raise PredictionError(f"{option} {path} is not an array of numbers: {error}") from error
    if not found.ndim:
        raise PredictionError(f"{option} {path} is one number: it needs a row for each sample.")
    return found


def names_of(path: Path) -> list[str]:
    """Names of all samples, in order.

    Raises:
        SampleIndexError: the file is not a list of names, or a name comes twice.
    """
    option = "--names"
    if path.suffix.lower() == ".csv":
        columns, rows = table(f"{option} {path}", path)
        if "name" not in columns:
            raise SampleIndexError(f"{option} {path} has no column name.")
        names = [row.get("name", "") for _, row in rows]
    else:
        names = list(map(str, rows_of_file(option, path, [])))
    first: dict[str, int] = {}
    for row, name in enumerate(names):
        if name in first:
            twice = len(names) - len(set(names))
            more = "" if twice == 1 else f" ({twice} names are repeated)"
            raise SampleIndexError(
                f"{option} {path}: {name!r} is the name of row {first[name]} and of row {row}"
                f"{more}. Names must be distinct, such as paths relative to one folder."
            )
        first[name] = row
    if "" in first:
        raise SampleIndexError(f"{option} {path}: row {first['']} has no name.")
    return names


def scores_of(
    path: Path, names: list[str] | None, total: int, candidates: Sequence[int]
) -> np.ndarray:
    """Scores: an array of a ``.npy`` file, or column ``score`` of a CSV file, joined by name.

    Args:
        path: the file. Rows of a CSV file are joined by column ``name`` (``id`` without names) in
            any order; without either column, they are in the order of the arrays.
        names: names of all samples, or None.
        total: number of samples, if it is known; else 0.
        candidates: row numbers that need a score.

    Returns:
        ``(N,)`` scores, NaN where a row has none and needs none; or those of the file.

    Raises:
        PredictionError: a score is not a number, or a candidate has none (an empty cell, or nan).
        SampleIndexError: rows are unknown or repeated.
    """
    option = "--scores"
    if path.suffix.lower() != ".csv":
        return array(option, path)
    where = f"{option} {path}"
    columns, rows = table(where, path)
    if "score" not in columns:
        raise PredictionError(f"{where} has no column score: its columns are {', '.join(columns)}.")
    scores = np.array([_number(where, line, row.get("score", "")) for line, row in rows])
    if "id" not in columns and "name" not in columns:
        return scores
    if "id" not in columns or (names is not None and "name" in columns):
        listed = RowList(where, [row.get("name", "") for _, row in rows], names)
    else:
        listed = RowList(where, rows_of_file(where, path, names), names)
    listed.check(total or listed.largest + 1, names)
    joined = np.full(total or listed.largest + 1, np.nan)
    joined[listed.numbers.numpy()] = scores
    missing = [row for row in candidates if row >= len(joined) or np.isnan(joined[row])]
    if missing:
        first = missing[0] if names is None else names[missing[0]]
        raise PredictionError(
            f"{where} has no score for {len(missing)} of {len(candidates)} candidates, such as "
            f"{first!r}."
        )
    return joined


def _number(where: str, line: int, text: str) -> float:
    try:
        return float(text or "nan")  # an empty cell: no score
    except ValueError:
        raise PredictionError(f"{where}, line {line}: {text!r} is not a score.") from None
