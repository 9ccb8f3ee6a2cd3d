"""Rows that print in columns and stay plain."""

import json
import math

import pytest

from alkit.evidence.summary.table import Table, text


def test_a_table_is_a_list_of_plain_rows():
    table = Table([{"a": 1, "b": 0.5}])
    assert table == [{"a": 1, "b": 0.5}]
    assert json.loads(json.dumps(table)) == table


def test_it_prints_in_columns():
    table = Table([{"name": "margin", "value": 0.5}, {"name": "u", "value": math.nan}])
    assert repr(table) == "name    value\nmargin  0.500\nu"
    chosen = Table(table, {"who": lambda row: row["name"]})
    assert repr(chosen) == "who\nmargin\nu"
    assert repr(Table([])) == "[]"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(3, "3"), (0.12345, "0.123"), (1234.5, "1,234"), (2e-5, "2e-05"), (0.0, "0.000")],
)
def test_numbers_are_short(value, expected):
    assert text(value) == expected
