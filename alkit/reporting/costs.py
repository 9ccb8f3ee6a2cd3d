"""Costs of each strategy other than labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from alkit.evidence.records import Records, Row
from alkit.reporting.notices import steps_a_round

# heading, column of the records, format
_COLUMNS = (
    ("samples seen", "samples_seen", "{:,.0f}"),
    ("train (s)", "seconds_train", "{:.2f}"),
    ("test (s)", "seconds_test", "{:.2f}"),
    ("score (s)", "seconds_score", "{:.2f}"),
    ("select (s)", "seconds_select", "{:.2f}"),
)


def costs(records: Records) -> tuple[list[str], list[list[str]]]:
    """Return headings and one row per strategy: means per round, and the highest peak memory.

    Columns that no record has are left out. Means of seconds are over the rounds that have them;
    the last round selects nothing.
    """
    columns = [column for column in _COLUMNS if any(column[1] in row for row in records.rows)]
    memory = any("peak_memory_mb" in row for row in records.rows)
    headings = ["strategy", "steps", *(column[0] for column in columns)]
    table = []
    for name, steps in steps_a_round(records).items():
        rows = [row for row in records.rows if row["strategy"] == name]
        cells = [form.format(_mean(rows, key)) for _, key, form in columns]
        peak = [max(_values(rows, "peak_memory_mb"), default=0.0)] if memory else []
        table.append([name, f"{steps:,}", *cells, *(f"{mb:,.0f}" for mb in peak)])
    return headings + ["memory (MB)"] * memory, table


def _mean(rows: Sequence[Row], key: str) -> float:
    values = _values(rows, key)
    return sum(values) / len(values) if values else 0.0


def _values(rows: Sequence[Row], key: str) -> list[Any]:
    return [row[key] for row in rows if row.get(key) is not None]
