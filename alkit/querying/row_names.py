"""Names of the rows of plain arrays, and rows that a file or a Query names."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterable, Mapping, Set
from typing import Any, TextIO

from alkit.errors import ConfigurationError, SampleIndexError
from alkit.pool.query import Query
from alkit.spreadsheet import restored, rows_of


def rows_of_file(argument: str, path: str | os.PathLike[str], names: list[str] | None) -> list:
    """Row numbers or names that a file lists, in its order.

    A CSV file has a column ``id`` (row numbers, compared with the names where both have them) or
    ``name``. A file ``.json`` is a list of either. A file ``.txt`` has one name per line, or one
    row number if there are no names.
    """
    where = f"{argument}={os.fspath(path)!r}"
    kind = os.path.splitext(path)[1].lower()
    if kind == ".json":
        return _listed(where, _read(where, path, "JSON", json.load))
    if kind == ".txt":
        lines = [line.strip() for line in _read(where, path, "text", list) if line.strip()]
        numbers = names is None and all(line.isascii() and line.isdecimal() for line in lines)
        return [int(line) for line in lines] if numbers else lines
    columns, rows = table(where, path)
    if "id" not in columns and "name" not in columns:
        found = ", ".join(map(repr, columns))[:80]
        raise SampleIndexError(
            f"{where} has no column id or name, its first line is {found or 'empty'}: pass a file "
            "from Query.save, one with the first line name, or a .txt file of one name per line."
        )
    if "id" in columns:
        return [_number(where, line, row, names) for line, row in rows]
    for line, row in rows:
        if not row.get("name"):
            raise SampleIndexError(f"{where}, line {line}: there is no name.")
    return [row["name"] for _, row in rows]


def table(
    where: str, path: str | os.PathLike[str]
) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Columns of a CSV file, and its rows that are not empty, each with the number of its line."""
    (_, header), *lines = _read(where, path, "CSV", lambda file: [*rows_of(file)]) or [(0, [])]
    columns = [column.strip() for column in header]
    for column in ("id", "name", "score"):
        if columns.count(column) > 1:
            raise SampleIndexError(f"{where} has more than one column {column}.")
    rows = [
        (line, dict(zip(columns, (restored(cell).strip() for cell in cells))))
        for line, cells in lines
    ]
    return columns, [(line, row) for line, row in rows if any(row.values())]


def _read(where: str, path: Any, kind: str, read: Callable[[TextIO], Any]) -> Any:
    try:
        with open(path, newline=None if kind == "text" else "", encoding="utf-8-sig") as file:
            return read(file)
    except (OSError, ValueError, csv.Error) as error:
        raise SampleIndexError(
            f"{where} is not a {kind} file that can be read ({error}): pass row numbers, names in "
            "a list, or a file from Query.save."
        ) from error


def _listed(where: str, content: Any) -> list:
    """A JSON list of row numbers or of names."""
    kinds = {type(row) for row in content} if isinstance(content, list) else {dict}
    if not (kinds <= {int} or kinds <= {str}):
        raise SampleIndexError(f"{where} must be a list of names, or of row numbers.")
    return content


def _number(where: str, line: int, row: Mapping[str, str], names: list[str] | None) -> int:
    number, name = row.get("id", ""), row.get("name", "")
    if not (number.isascii() and number.isdecimal()):
        raise SampleIndexError(f"{where}, line {line}: {number!r} is not a row number.")
    index = int(number)
    here = None if names is None or index >= len(names) else names[index].strip()
    if name and here is not None and name != here:
        raise SampleIndexError(_other_data(f"{where}, line {line}", index, name, here))
    return index


def compare(argument: str, query: Query, names: list[str] | None) -> None:
    """Raise a SampleIndexError for a Query whose rows have other names."""
    if names is None or query.names is None:
        return
    for row, name in zip(query, query.names):
        if 0 <= row < len(names) and str(name).strip() != names[row].strip():
            raise SampleIndexError(_other_data(f"{argument}: the query", row, name, names[row]))


def _other_data(where: str, row: int, name: str, here: str) -> str:
    return (
        f"{where}: row {row} is {name!r} there and {here!r} in names=: it is of other data, or of "
        "another order of its rows."
    )


def checked_names(names: Any) -> list[str]:
    """The names of all rows as texts, or a ConfigurationError."""
    given = names.tolist() if hasattr(names, "tolist") else names
    if isinstance(given, str | bytes | Mapping | Set) or not isinstance(given, Iterable):
        shown = f"{names!r}"[:60]
        raise ConfigurationError(f"names must be a list with the name of each row, got {shown}.")
    given = [*given]
    for row, name in enumerate(given):
        if name is None or name != name:
            raise ConfigurationError(f"names must be texts, got {name!r} for row {row}.")
    return [str(name) for name in given]
