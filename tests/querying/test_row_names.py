"""Names of rows, and rows of a file, for ``al.select``."""

import numpy as np
import pytest

import alkit as al
from alkit.errors import ConfigurationError, SampleIndexError

NAMES = [f"img_{row}.jpg" for row in range(12)]
SCORES = np.random.default_rng(0).normal(size=12)


def chosen(**given):
    return al.select(3, scores=SCORES, seed=0, **given)


@pytest.mark.parametrize("argument", ["annotated", "among"])
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
        ("", "no column id or name"),
        ("file,label\na,1\n", "no column id or name, its first line is 'file', 'label'"),
        ("name,label\n,1\n", "line 2: there is no name"),
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


def test_a_file_of_other_data_is_refused(tmp_path):
    path = tmp_path / "first.csv"
    chosen(names=NAMES).save(path)
    with pytest.raises(SampleIndexError, match=r"line 2: row \d+ is 'img_.*of other data"):
        chosen(names=NAMES[::-1], annotated=path)
    path.write_text("id,label\nseven,\n")
    with pytest.raises(SampleIndexError, match="line 2: 'seven' is not a row number"):
        chosen(annotated=path)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.json", '["img_1.jpg"', "is not a JSON file"),
        ("a.json", '{"names": []}', "must be a list of names"),
        ("a.json", '["img_1.jpg", 3]', "must be a list of names"),
        ("a.json", "[true]", "must be a list of names"),
        ("a.json", "[[1]]", "must be a list of names"),
        ("a.txt", b"\xff\xfe\x00", "is not a text file"),
        ("a.txt", "1\n2\n", "'1' and 1 more are not among the 12 names"),
        ("a.csv", "name\nimg_1.jpg\nimg_1.jpg\n", "img_1.jpg'. is given more than once"),
    ],
)
def test_a_list_that_is_not_of_names_or_of_numbers_is_refused(tmp_path, name, text, told):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SampleIndexError, match=told):
        chosen(annotated=path, names=NAMES)


def test_names_that_a_spreadsheet_would_run_are_read_as_they_were_written(tmp_path):
    names = ["=1+1.jpg", "-2.jpg", "a,b.jpg", 'q"uote.jpg', *NAMES[4:]]
    first = al.select(4, scores=[9, 9, 9, 9, *range(8)], names=names, seed=0)
    first.save(tmp_path / "all.csv")
    lines = (tmp_path / "all.csv").read_text().splitlines()
    rows = [",".join(line.split(",")[2:3]) for line in lines]
    assert "'=1+1.jpg" in rows
    assert set(chosen(names=names, annotated=tmp_path / "all.csv")).isdisjoint(range(4))
    (tmp_path / "names.txt").write_text("\r\n".join(names[:4]) + "\r\n")
    assert set(chosen(names=names, annotated=tmp_path / "names.txt")).isdisjoint(range(4))
