"""Rows that print as a table."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

from alkit.evidence.records import Row


class Table(list[Row]):
    """A list of plain rows that prints in columns.

    Args:
        rows: dicts with the same keys.
        shown: columns to print: a mapping from each heading to a function that returns the text of
            a row. Default: every key.
    """

    def __init__(
        self, rows: Iterable[Row], shown: Mapping[str, Callable[[Row], str]] | None = None
    ) -> None:
        super().__init__(rows)
        self.shown = shown

    def __repr__(self) -> str:
        if not self:
            return "[]"
        shown = self.shown or {key: _text_of(key) for key in self[0]}
        lines = [list(shown), *([text(row) for text in shown.values()] for row in self)]
        widths = [max(len(line[k]) for line in lines) for k in range(len(shown))]
        return "\n".join(
            "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]).rstrip()
            for line in lines
        )


def _text_of(key: str) -> Callable[[Row], str]:
    return lambda row: text(row[key])


def text(value: object) -> str:
    """A value as short text: three digits, empty for NaN."""
    if not isinstance(value, float):
        return str(value)
    if math.isnan(value):
        return ""
    if 0 < abs(value) < 0.0005:
        return f"{value:.0e}"
    return f"{value:.3f}" if abs(value) < 100 else f"{value:,.0f}"
