"""Texts in CSV files that spreadsheets open: never read as a formula, and restored exactly.

A spreadsheet runs a cell that begins with ``=``, ``+``, ``-``, ``@`` or a tab. Such a text is
written with an apostrophe in front. Numbers are written as numbers.
"""

from __future__ import annotations

import re

_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")


def escaped(text: str) -> str:
    """Text as a cell that no spreadsheet runs; any other text is returned unchanged."""
    return f"'{text}" if _FORMULA.match(text) else text


def restored(cell: str) -> str:
    """The text that ``escaped`` wrote as this cell."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
