"""Labels from a CSV file that people filled in."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import isfinite
from typing import Any

from alkit.errors import LabelError, LabelFileError, SampleIndexError
from alkit.pool.names import Names
from alkit.spreadsheet import restored, rows_of


class Origins(list[dict[str, Any]]):
    """Values of each row of a query's file by column: why, score and guess, if it has them."""


@dataclass(frozen=True)
class Filled:
    """The labeled rows of a file.

    Attributes:
        path: path of the file.
        ids: dataset index of each row.
        texts: label of each row, as it is written.
        lines: line of each row.
        round: the round of the rows, or None if they differ or have none.
        origins: why each sample was queried, its score and guess, if the row has them.
        reasons: rows without a label that have a reason: dataset index, line and reason.
        other_origins: the same of the rows with a reason.
        skipped: number of rows with neither.
    """

    path: str
    ids: list[int]
    texts: list[str]
    lines: list[int]
    round: int | None
    origins: Origins
    reasons: list[tuple[int, int, str]]
    other_origins: Origins
    skipped: int


def read_labels(
    path: str | os.PathLike[str],
    names: Names,
    length: int,
    refused: dict[int, str] | None = None,
) -> Filled:
    """Read the labeled rows of a CSV file from ``Query.save``, or with names and labels alone.

    A row names its sample by ``id``, by ``name`` or by both, which are compared with the names of
    the pool, if it has any. Rows without a label are skipped: they can be read later.

    Args:
        path: path of the file.
        names: names of the samples.
        length: number of samples.
        refused: errors of rows by line, to which those of this file are added, so that the other
            rows are read, and their reasons in place of a label. Default: the first one is raised.

    Raises:
        LabelError: a missing column, an id that is not a number, a name that is not that of the
            sample or that no or several samples have (the error states its line), or a file that
            cannot be read as UTF-8 text.
        SampleIndexError: an id that is out of range.
    """
    path = os.fspath(path)
    ids: list[int] = []
    texts: list[str] = []
    lines: list[int] = []
    rounds: set[str] = set()
    origins, other_origins = Origins(), Origins()
    reasons: list[tuple[int, int, str]] = []
    skipped = 0
    for line, row in _rows(path, refused):
        text, reason = row.get("label", ""), row.get("reason", "") if refused is not None else ""
        index = None
        with _refusing(refused, line):
            index = _index(row, bool(text or reason), names, length, f"{path}, line {line}")
            if text and reason:
                raise LabelError(
                    f"{path}, line {line}: a row has a label or a reason to leave the sample out, "
                    f"got both: {text!r} and {reason!r}."
                )
        if refused is not None and line in refused:
            continue
        if not (text or reason):
            skipped += any(row.values())
        elif index is not None and reason:
            reasons.append((index, line, reason))
            other_origins.append(_origin(row))
        elif index is not None:
            ids.append(index)
            texts.append(text)
            lines.append(line)
            rounds.add(row.get("round", ""))
            origins.append(_origin(row))
    shared = rounds.pop() if len(rounds) == 1 else ""
    round = int(shared) if shared.isdecimal() else None
    return Filled(path, ids, texts, lines, round, origins, reasons, other_origins, skipped)


@contextmanager
def _refusing(refused: dict[int, str] | None, line: int) -> Iterator[None]:
    """Collect the error of a line, if errors are collected."""
    try:
        yield
    except (LabelError, SampleIndexError) as error:
        if refused is None:
            raise
        refused[line] = str(error)


def _origin(row: dict[str, str]) -> dict[str, Any]:
    origin: dict[str, Any] = {name: row[name] for name in ("why", "guess") if row.get(name)}
    with suppress(KeyError, ValueError):
        origin["score"] = float(row["score"])
    return origin if isfinite(origin.get("score", 0)) else {}


def _index(row: dict[str, str], needed: bool, names: Names, length: int, where: str) -> int | None:
    """Dataset index of a row; None if it has none and needs none."""
    given, name = row.get("id", ""), row.get("name", "")
    if not given and name and names.texts is not None:
        try:
            return names.index(name) if needed else None
        except SampleIndexError as error:
            raise LabelError(f"{where}: {error}") from None
    if not given.isdecimal():
        if not needed:
            return None
        use = "" if names.texts is not None or not name else "; names need names= of the pool"
        raise LabelError(f"{where}: expected a dataset index as id, got {given!r}{use}.")
    index = int(given)
    if index >= length:
        if not needed:
            return None
        raise SampleIndexError(f"{where}: dataset indices run from 0 to {length - 1}, got {index}.")
    if name and names.texts is not None and name != names[index]:
        raise LabelError(
            f"{where}: sample {index} is named {name!r} in the file and {names[index]!r} in the "
            "pool, so the file belongs to another dataset or order of its samples. Labels can be "
            "given by name alone: remove the column id."
        )
    return index


def _rows(path: str, refused: dict[int, str] | None) -> Iterator[tuple[int, dict[str, str]]]:
    """Number of the last line of each row, and its texts without spaces around them, by column."""
    line = 0
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = rows_of(file)
            columns = [column.strip() for column in next(rows, (0, []))[1]]
            _check_columns(path, columns)
            for line, cells in rows:
                cells = [restored(cell).strip() for cell in cells]
                with _refusing(refused, line):
                    if any(cells[len(columns) :]):
                        raise LabelError(
                            f"{path}, line {line}: {len(cells)} cells for {len(columns)} "
                            "columns; a text with a comma needs quotes."
                        )
                    yield line, dict(zip(columns, cells))
    except UnicodeDecodeError as error:
        raise LabelError(f"{path} is not UTF-8 text: save it as CSV in UTF-8.") from error
    except csv.Error as error:
        if refused is None or not line:
            raise LabelError(f"{path} is not a CSV file: {error}.") from error
        refused[line + 1] = f"{path}, {error}. The rows from there on were not read."
    except FileNotFoundError as error:
        raise LabelFileError(
            f"there is no file {path}: expected dataset indices, or the path of a CSV file of "
            "labels. A single name must be in a list."
        ) from error
    except OSError as error:
        raise LabelError(f"{path} cannot be read: {error.strerror or error}.") from error


def _check_columns(path: str, columns: list[str]) -> None:
    missing = [] if "label" in columns else ["label"]
    if not {"id", "name"} & set(columns):
        missing.insert(0, "id")
    if missing:
        split = any(";" in column or "\t" in column for column in columns)
        more = " Its columns must be separated by commas." if split else ""
        raise LabelError(
            f"{path} needs the columns label and id, or label and name; "
            f"missing: {', '.join(missing)}.{more}"
        )
    for column in ("id", "name", "label", "round"):
        if columns.count(column) > 1:
            raise LabelError(f"{path} has more than one column {column}.")
