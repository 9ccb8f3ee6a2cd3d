import tomllib
from datetime import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alkit.errors import ProjectError
from alkit.project.toml import key_text, line_of, value_text

TEXT = """
classes = [ "a", "b",
    "c",  # classes = [1]
    "]",
]
title = \"\"\"
two = 2
[data]
\"\"\"
[model]
name = "x"  # name = 3
options = { deep = [
    1, 2 ] }
[asking]
seed = 3"""
LINES = {
    ("classes",): 2,
    ("classes", 1): 2,
    ("classes", 2): 3,
    ("classes", 3): 4,
    ("title",): 6,
    ("model",): 10,
    ("model", "name"): 11,
    ("model", "options", "deep", 1): 13,
    ("asking", "seed"): 15,
}


@pytest.mark.parametrize("place", LINES, ids=str)
def test_a_value_is_found_in_its_line(place):
    assert line_of(TEXT, place) == LINES[place]


@pytest.mark.parametrize("place", [("two",), ("data",), ("classes", 4), ("title", "x"), ()])
def test_what_is_not_in_the_text_has_no_line(place):
    assert line_of(TEXT, place) is None


texts = st.text(st.characters(exclude_categories=["Cs"]))
plain = st.one_of(
    texts,
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.datetimes(),
)
values = st.recursive(
    plain, lambda parts: st.lists(parts) | st.dictionaries(texts, parts), max_leaves=8
)


@given(st.dictionaries(texts, values, max_size=3))
def test_a_reader_of_toml_returns_what_was_written(table):
    text = "".join(f"{key_text(key)} = {value_text(value)}\n" for key, value in table.items())
    assert tomllib.loads(text) == table


@given(st.dictionaries(texts, values, max_size=4))
def test_the_line_of_a_key_is_the_one_it_is_written_in(table):
    line, text = 1, ""
    for key, value in table.items():
        entry = f"{key_text(key)} = {value_text(value)}\n"
        found = line_of(text + entry, (key,))
        assert found is not None
        assert line <= found < line + entry.count("\n")
        text, line = text + entry, line + entry.count("\n")


def test_a_time_is_written_as_one():
    assert value_text(datetime(2026, 11, 29, 13)) == "2026-11-29T13:00:00"


def test_numbers_of_numpy_are_numbers():
    assert value_text([np.float64(0.5), np.int64(3).item(), np.inf]) == "[0.5, 3, inf]"


@pytest.mark.parametrize("value", [None, {1, 2}, object(), "\udcff", ["a", [None]]], ids=repr)
def test_what_toml_has_no_form_for_is_refused(value):
    with pytest.raises(ProjectError, match="cannot be written"):
        value_text(value)
