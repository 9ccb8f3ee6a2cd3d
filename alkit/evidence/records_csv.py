"""Rows of records to and from a plain CSV table, which a spreadsheet may open and save."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from alkit.spreadsheet import escaped, restored

Row = dict[str, Any]

TEXTS = ("strategy", "why")
NUMBERS = ("seed", "round", "annotated", "validation", "steps", "samples_seen")
LISTS = ("queried_classes", "picked", "scores", "guesses")


def columns(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """The names of all columns, in order of first appearance."""
    return list(dict.fromkeys(name for row in rows for name in row))


def as_text(rows: Sequence[Row]) -> str:
    """The whole table, with its header. A list fills one cell, separated by spaces."""
    names = columns(rows)
    return (
        _line([escaped(name) for name in names]) + "".join(line(row, names) for row in rows)
        if names
        else ""
    )


def line(row: Row, names: Sequence[str]) -> str:
    """One row with these columns; a cell is empty where the row has no such value."""
    return _line([_cell(row[name]) if name in row else "" for name in names])


def read(path: Path) -> list[Row]:
    """Read the rows of a table; numbers are restored exactly.

    A last row that was only partly written is left out.

    Raises:
        ValueError: the file is not a table of records, or is damaged before its last row.
    """
    text = path.read_text(encoding="utf-8-sig")
    reader = csv.reader(io.StringIO(text, newline=""))
    lines = list(reader)
    if not lines:
        return []
    names, cells = [restored(name) for name in lines[0]], lines[1:]
    if cells and (not text.endswith("\n") or len(cells[-1]) != len(names)):
        cells.pop()
    if not {"strategy", "seed", "round"} <= set(names):
        raise ValueError(f"{path.name} has no columns strategy, seed and round")
    for k, row in enumerate(cells):
        if len(row) != len(names):
            raise ValueError(f"{path.name}, row {k + 1}: {len(row)} cells for {len(names)} columns")
    return [_row(names, row) for row in cells]


def _row(names: Sequence[str], cells: Sequence[str]) -> Row:
    kept = (*TEXTS, *LISTS)
    return {n: _value(n, cell) for n, cell in zip(names, cells) if cell or n in kept}


def _value(name: str, cell: str) -> str | list[int | float] | int | float:
    if name in TEXTS:
        return restored(cell)
    if name in LISTS:
        return [_number(part) for part in cell.split()]
    return int(cell) if name in NUMBERS else float(cell)


def _number(text: str) -> int | float:
    return int(text) if text.lstrip("-").isdecimal() else float(text)


def _cell(value: Any) -> str:
    if isinstance(value, list | tuple):
        return " ".join(map(_cell, value))
    value = value.item() if hasattr(value, "item") else value  # NumPy scalar
    return escaped(value) if isinstance(value, str) else repr(value)


def _line(cells: Sequence[str]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()
