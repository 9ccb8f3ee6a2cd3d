"""Rows that callers of ``al.select`` list: numbers, names, a Query, or a file."""

import json

import numpy as np
import pytest
import torch

import alkit as al
from alkit.errors import ConfigurationError, SampleIndexError

NAMES = [f"img_{row}.jpg" for row in range(12)]
E = np.random.default_rng(0).normal(size=(12, 2))


def core_set(n=None, **given):
    return al.select(n, embeddings=E, selector=al.KCenter(), seed=0, **given)


def test_rows_are_given_by_number_by_name_or_by_a_file(tmp_path):
    first = core_set(4, names=NAMES)
    assert first.names == [NAMES[row] for row in first]
    first.save(tmp_path / "first.csv")
    (tmp_path / "names.csv").write_text("label,name\n" + "".join(f"x,{n}\n" for n in first.names))
    (tmp_path / "names.TXT").write_text("\n".join(first.names))
    (tmp_path / "names.json").write_text(json.dumps(first.names))
    (tmp_path / "rows.json").write_text(json.dumps(list(first)))
    (tmp_path / "rows.csv").write_text("id\n" + "".join(f"{row}\n" for row in first))
    expected = list(core_set(3, annotated=list(first)))
    forms = [first, first.indices, torch.tensor(list(first)), first.names, np.array(first.names)]
    forms += [*tmp_path.iterdir(), *map(str, tmp_path.iterdir()), iter(list(first))]
    for annotated in forms:
        assert list(core_set(3, annotated=annotated, names=NAMES)) == expected
    among = core_set(4, names=NAMES, among=tmp_path / "first.csv")
    assert set(among) == set(first)


@pytest.mark.parametrize("argument", ["annotated", "among"])
@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([12], "run from 0 to 11, got 12"),
        ([-1], "got -1"),
        ([1, 1], r"distinct: row 1 \('img_1.jpg'\) is given more than once\."),
        ([3, 1, 3, 1], r"row 1 \('img_1.jpg'\) is given more than once, and 1 others"),
        ([1.0], "row numbers.*float64"),
        ([1, None], "row numbers"),
        ([[1], [2, 3]], "different lengths"),
        (np.zeros(12, bool), "flatnonzero"),
        (["img_1.jpg", "img_99.jpg"], r"'img_99.jpg' is not among the 12 names, such as 'img_0"),
        (["a", "img_1.jpg", "b"], r"'a' and 1 more are not among the 12 names"),
        (["/data/img_7.jpg"], r"'/data/img_7.jpg' is not among the 12 names, such as 'img_7.jpg'"),
        ("no such file.csv", "is not a CSV file"),
    ],
)
def test_rows_that_are_not_there_are_refused_by_argument(argument, rows, message):
    with pytest.raises(SampleIndexError, match=f"{argument}.*{message}"):
        core_set(1, names=NAMES, **{argument: rows})


def test_names_are_needed_and_distinct_to_look_rows_up():
    with pytest.raises(SampleIndexError, match=r"'img_1\.jpg'.*pass the names of all rows"):
        core_set(1, annotated=["img_1.jpg"])
    with pytest.raises(ConfigurationError, match="'a' is twice"):
        core_set(1, names=["a"] * 12, annotated=["a"])
