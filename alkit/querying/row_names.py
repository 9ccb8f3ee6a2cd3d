"""Names of the rows of plain arrays, and rows that a file or a Query names."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Mapping, Set
from typing import Any

from alkit.errors import ConfigurationError, SampleIndexError
from alkit.pool.query import Query
from alkit.spreadsheet import restored, rows_of


def rows_of_file(argument: str, path: str | os.PathLike[str], names: list[str] | None) -> list:
    """Column ``id`` of a CSV file, in its order, compared with the names where both have them."""
    where = f"{argument}={os.fspath(path)!r}"
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            (_, header), *rows = [*rows_of(file)] or [(0, [])]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SampleIndexError(
            f"{where} is not a CSV file that can be read ({error}): pass row numbers, names in a "
            "list, or a file from Query.save."
        ) from error
    columns = [column.strip() for column in header]
    if columns.count("id") != 1 or columns.count("name") > 1:
        twice = "more than one column id or name" if "id" in columns else "no column id"
        raise SampleIndexError(f"{where} has {twice}: pass a file from Query.save.")
    numbers = []
    for line, cells in rows:
        row = dict(zip(columns, (restored(cell).strip() for cell in cells)))
        if not any(row.values()):
            continue  # an empty line
        number, name = row.get("id", ""), row.get("name", "")
        if not (number.isascii() and number.isdecimal()):
            raise SampleIndexError(f"{where}, line {line}: {number!r} is not a row number.")
        index = int(number)
        here = None if names is None or index >= len(names) else names[index].strip()
        if name and here is not None and name != here:
            raise SampleIndexError(_other_data(f"{where}, line {line}", index, name, here))
        numbers.append(index)
    return numbers


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
