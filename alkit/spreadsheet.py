"""Texts in CSV files that spreadsheets open: never read as a formula, and restored exactly.

A spreadsheet runs a cell that begins with ``=``, ``+``, ``-``, ``@`` or a tab. Such a text is
written with an apostrophe in front. Numbers are written as numbers.

A quote that is not closed would make the rows after it a part of one cell; it is refused.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator

_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")


def escaped(text: str) -> str:
    """Text as a cell that no spreadsheet runs; any other text is returned unchanged."""
    return f"'{text}" if _FORMULA.match(text) else text


def restored(cell: str) -> str:
    """The text that ``escaped`` wrote as this cell."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def rows_of(lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of the last line of each row of a CSV file, and its cells.

    Raises:
        csv.Error: quotes that are not closed, or a cell that is too long; the message has the line.
    """
    reader = csv.reader(lines, strict=True)
    columns = 0
    while True:
        start = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            reason = "a quote is not closed" if "unexpected end" in str(error) else error
            raise csv.Error(f"line {start}: {reason}") from error
        if cells is None:
            return
        columns = columns or len(cells)
        if columns > 1 and any(_holds_a_row(cell, columns) for cell in cells):
            raise csv.Error(
                f"line {start}: a cell holds whole rows, so a quote in it is not closed; a line "
                f"of a text must not have {columns - 1} commas"
            )
        yield reader.line_num, cells


def _holds_a_row(cell: str, columns: int) -> bool:
    return any(line.count(",") == columns - 1 for line in cell.splitlines()[1:])
