"""Rows through CSV and back, exactly."""

import csv
import io
import math

import hypothesis.strategies as st
import numpy as np
import pandas
import pytest
from hypothesis import given

from alkit.evidence import records_csv as table

text = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r\n\0"), max_size=9)
rows = st.lists(
    st.fixed_dictionaries(
        {
            "strategy": text,
            "seed": st.integers(0, 2**63),
            "round": st.integers(0, 99),
            "value": st.floats(allow_nan=False),
            "picked": st.lists(st.integers(0, 2**40), max_size=4),
            "scores": st.lists(st.floats(allow_nan=False), max_size=4),
            "why": text,
        },
        optional={"test/0": st.floats(allow_nan=False)},
    ),
    min_size=1,
    max_size=4,
)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("table") / "records.csv"


@given(rows)
def test_what_is_written_is_read(path, rows):
    path.write_text(table.as_text(rows), encoding="utf-8", newline="")
    assert table.read(path) == rows


@given(rows)
def test_rows_that_are_appended_are_those_of_the_whole_table(rows):
    names = table.columns(rows)
    first = table.as_text(rows).splitlines(keepends=True)[0]
    assert table.as_text(rows) == first + "".join(table.line(row, names) for row in rows)


def row(k):
    return {"strategy": "a,b", "seed": 1, "round": k, "value": 0.1 * k, "why": 'say "x"'}


def test_a_last_row_that_was_cut_off_is_left_out(path):
    rows = [row(0), row(1)]
    whole = table.as_text(rows)
    first = len(table.as_text(rows[:1]))
    for length in range(first, len(whole)):
        path.write_text(whole[:length], newline="")
        assert table.read(path) == rows[:1]


def test_a_table_that_is_damaged_or_of_others_is_an_error(path):
    lines = table.as_text([row(0), row(1)]).splitlines(keepends=True)
    path.write_text("".join([lines[0], lines[1][:9] + "\n", lines[2]]))
    with pytest.raises(ValueError, match="row 1"):
        table.read(path)
    path.write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="no columns"):
        table.read(path)


def test_not_a_number_and_numbers_of_numpy_are_kept(path):
    given = {**row(0), "value": math.nan, "scores": [np.float32(0.5)], "seed": np.int64(3)}
    path.write_text(table.as_text([given]))
    (read,) = table.read(path)
    assert math.isnan(read["value"])
    assert (read["scores"], read["seed"]) == ([0.5], 3)


def test_pandas_reads_it(path):
    path.write_text(table.as_text([row(0), row(1)]))
    frame = pandas.read_csv(path)
    assert frame["strategy"].tolist() == ["a,b", "a,b"]
    assert frame["value"].tolist() == [0.0, 0.1]


HOSTILE = ["=cmd|' /C calc'!A0", "@SUM(A1)", "+1", "-1", "\tx", "'=x", "plain", "'s"]


def test_a_spreadsheet_runs_no_text_and_saves_a_table_that_is_read(path):
    rows = [{**row(0), "strategy": name, "why": name, "value": -0.5} for name in HOSTILE]
    text = table.as_text(rows)
    cells = list(csv.reader(io.StringIO(text, newline="")))
    for name in ("strategy", "why"):
        column = [line[cells[0].index(name)] for line in cells[1:]]
        assert not [cell for cell in column if cell.startswith(tuple("=+-@\t"))]
    assert "-0.5" in cells[1]  # a number stays a number
    path.write_bytes(text.replace("\n", "\r\n").encode("utf-8-sig"))
    assert table.read(path) == rows


def test_the_name_of_a_column_is_no_formula_either(path):
    rows = [{**row(0), "=1+1": 2.0}]
    path.write_text(table.as_text(rows))
    assert ",=1+1" not in table.as_text(rows)
    assert table.read(path) == rows
