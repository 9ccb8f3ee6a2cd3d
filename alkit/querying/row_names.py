"""Names of the rows of plain arrays, and rows that a file or a Query names."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Mapping, Set
from typing import Any

from alkit.errors import ConfigurationError, SampleIndexError
from alkit.pool.query import Query
from alkit.spreadsheet import restored, rows_of


def rows_of_file(argument: str, path: str | os.PathLike[str], names: list[str] | None) -> list:
    """Row numbers or names that a file lists, in its order.

    A CSV file has a column ``id`` (row numbers, compared with the names where both have them) or
    ``name``. A file ``.json`` is a list of either, a file ``.txt`` has one name per line.
    """
    where = f"{argument}={os.fspath(path)!r}"
    kind = os.path.splitext(path)[1].lower()
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            if kind == ".json":
                return _listed(where, json.load(file))
            if kind == ".txt":
                return [line.strip() for line in file.read().splitlines() if line.strip()]
            (_, header), *rows = [*rows_of(file)] or [(0, [])]
    except (OSError, ValueError, csv.Error) as error:
        form = {".json": "a JSON file", ".txt": "a text file"}.get(kind, "a CSV file")
        raise SampleIndexError(
            f"{where} is not {form} that can be read ({error}): pass row numbers, names in a "
            "list, or a file from Query.save."
        ) from error
    columns = [column.strip() for column in header]
    if columns.count("id") > 1 or columns.count("name") > 1:
        raise SampleIndexError(f"{where} has more than one column id or name.")
    if "id" not in columns and "name" not in columns:
        found = ", ".join(map(repr, columns))[:80]
        raise SampleIndexError(
            f"{where} has no column id or name, its first line is {found}: pass a file from "
            "Query.save, or one with the first line name."
        )
    cells_of = [
        (line, dict(zip(columns, (restored(cell).strip() for cell in cells))))
        for line, cells in rows
    ]
    filled = [(line, row) for line, row in cells_of if any(row.values())]
    if "id" in columns:
        return [_number(where, line, row, names) for line, row in filled]
    for line, row in filled:
        if not row.get("name"):
            raise SampleIndexError(f"{where}, line {line}: there is no name.")
    return [row["name"] for _, row in filled]


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
