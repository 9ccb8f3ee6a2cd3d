"""Labels from a CSV file that people filled in."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass

from alkit.errors import LabelError, LabelFileError, SampleIndexError
from alkit.pool.names import Names
from alkit.spreadsheet import restored, rows_of


@dataclass(frozen=True)
class Filled:
    """The labeled rows of a file.

    Attributes:
        path: path of the file.
        ids: dataset index of each row.
        texts: label of each row, as it is written.
        lines: line of each row.
        round: the round of the rows, or None if they differ or have none.
    """

    path: str
    ids: list[int]
    texts: list[str]
    lines: list[int]
    round: int | None


def read_labels(path: str | os.PathLike[str], names: Names, length: int) -> Filled:
    """Read the labeled rows of a CSV file from ``Query.save``, or with names and labels alone.

    A row names its sample by ``id``, by ``name`` or by both, which are compared with the names of
    the pool, if it has any. Rows without a label are skipped: they can be read later.

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
    for line, row in _rows(path):
        text = row.get("label", "")
        index = _index(row, bool(text), names, length, f"{path}, line {line}")
        if text and index is not None:
            ids.append(index)
            texts.append(text)
            lines.append(line)
            rounds.add(row.get("round", ""))
    shared = rounds.pop() if len(rounds) == 1 else ""
    return Filled(path, ids, texts, lines, int(shared) if shared.isdecimal() else None)


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


def _rows(path: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Number of the last line of each row, and its texts without spaces around them, by column."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = rows_of(file)
            columns = [column.strip() for column in next(rows, (0, []))[1]]
            _check_columns(path, columns)
            for line, cells in rows:
                cells = [restored(cell).strip() for cell in cells]
                if any(cells[len(columns) :]):
                    raise LabelError(
                        f"{path}, line {line}: {len(cells)} cells for {len(columns)} "
                        "columns; a text with a comma needs quotes."
                    )
                yield line, dict(zip(columns, cells))
    except UnicodeDecodeError as error:
        raise LabelError(f"{path} is not UTF-8 text: save it as CSV in UTF-8.") from error
    except csv.Error as error:
        raise LabelError(f"{path} is not a CSV file: {error}.") from error
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
