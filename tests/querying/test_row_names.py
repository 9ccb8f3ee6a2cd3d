"""Names of rows, and rows of a file, for ``al.select``."""

import numpy as np
import pytest

import alkit as al
from alkit.errors import ConfigurationError, SampleIndexError

NAMES = [f"img_{row}.jpg" for row in range(12)]
SCORES = np.random.default_rng(0).normal(size=12)


def chosen(**given):
    return al.select(3, scores=SCORES, seed=0, **given)


@pytest.mark.parametrize("argument", ["annotated", "candidates"])
def test_a_query_of_other_names_is_refused(argument):
    query = chosen(names=NAMES)
    assert chosen(names=NAMES, **{argument: query})
    with pytest.raises(SampleIndexError, match="of other data, or of another order"):
        chosen(names=NAMES[::-1], **{argument: query})


@pytest.mark.parametrize(
    "names", [set(NAMES), dict.fromkeys(NAMES), [*NAMES[:-1], None], [*NAMES[:-1], float("nan")]]
)
def test_names_are_texts_in_an_order(names):
    with pytest.raises(ConfigurationError, match="names must be"):
        chosen(names=names)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no column id"),
        ("id,id\n1,2\n", "more than one column"),
        ("id,name,name\n1,a,b\n", "more than one column"),
        ('id,why\n1,a\n2,"b\n3,c\n', "line 3: a quote is not closed"),
        ("id,why\n1," + "a" * 200_000 + "\n", "field limit"),
        ("id\n1\n2.5\n", "line 3: '2.5' is not a row number"),
    ],
)
def test_a_file_that_is_not_of_rows_is_refused(tmp_path, text, told):
    (tmp_path / "rows.csv").write_text(text)
    with pytest.raises(SampleIndexError, match=told):
        chosen(annotated=tmp_path / "rows.csv")


def test_empty_lines_and_spaces_do_not_count(tmp_path):
    (tmp_path / "rows.csv").write_text("id , name\n1, img_1.jpg\n\n , \n4,img_4.jpg\n")
    assert set(chosen(annotated=tmp_path / "rows.csv", names=NAMES)).isdisjoint([1, 4])
