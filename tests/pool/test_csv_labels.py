import numpy as np
import pandas as pd
import pytest
import torch

import alkit as al
from alkit.errors import AnnotationError, ConfigurationError, LabelError, SampleIndexError
from alkit.pool.csv_labels import read_labels
from alkit.pool.names import Names


@pytest.fixture
def query():
    return al.Query(
        np.array([7, 2, 5]),
        4,
        scores=np.array([0.9, 0.123456789, -1.0]),
        guesses=torch.tensor([1, 0, 1]),
        why="TopK() of Margin()",
        names=["a,b.png", 'c"d.png', "é.png"],
    )


@pytest.fixture
def pool():
    """Ten samples without any label."""
    return al.ActiveLearningDataset(torch.arange(10.0))


def fill(path, answers, *, out=None):
    """Fill in labels by id, as a person does, and keep all else."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table["label"] = table["id"].map(answers).fillna("")
    table.to_csv(out or path, index=False)


def labels_of(pool):
    return {int(i): pool[i][1] for i in pool.annotated_indices}


# --- array-like -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("3", 3),
        (" 3 ", 3),
        ("3.0", 3),
        ("-2.5", -2.5),
        ("2.5", 2.5),
        ("0.001", 0.001),
        ("1e-3", "1e-3"),
        ("2.50", "2.50"),
        ("007", "007"),
        ("nan", "nan"),
        ("cat", "cat"),
        ("1_0", "1_0"),
        ("a b", "a b"),
    ],
)
def test_numbers_become_numbers_and_text_stays_text(text, label, pool, tmp_path):
    (tmp_path / "round.csv").write_text(f"id,label\n4,{text}\n")
    pool.annotate(tmp_path / "round.csv")
    assert labels_of(pool) == {4: label}
    assert type(pool[4][1]) is type(label)


def test_a_file_of_numbers_some_of_which_are_whole_is_a_file_of_floats(pool, tmp_path):
    (tmp_path / "round.csv").write_text("id,label\n4,2\n5,2.5\n")
    pool.annotate(tmp_path / "round.csv")
    assert [type(label) for label in labels_of(pool).values()] == [float, float]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_byte_order_mark_blank_rows_and_other_columns_do_no_harm(newline, pool, tmp_path):
    lines = ["label,by,id,round", "", "1,Ann,3,2", ",,,", "  ,Bob,4,2", "0,Bob,6,2", "", ""]
    (tmp_path / "round.csv").write_bytes(newline.join(lines).encode("utf-8-sig"))
    assert pool.annotate(tmp_path / "round.csv").tolist() == [3, 6]
    assert labels_of(pool) == {3: 1, 6: 0}
    assert set(pool.rounds[[3, 6]]) == {2}


@pytest.mark.parametrize("rounds", [("1", "2"), ("", ""), ("x", "x"), ("-1", "-1"), ("²", "²")])
def test_without_one_round_in_the_file_it_is_the_next(rounds, pool, tmp_path):
    rows = "".join(f"{i},0,{round}\n" for i, round in enumerate(rounds))
    (tmp_path / "round.csv").write_text("id,label,round\n" + rows, encoding="utf-8")
    filled = read_labels(tmp_path / "round.csv", Names(None, 10), 10)
    assert (filled.ids, filled.texts, filled.round) == ([0, 1], ["0", "0"], None)
    pool.annotate([9], [0], round=5)
    pool.annotate(tmp_path / "round.csv")
    assert set(pool.rounds[[0, 1]]) == {6}


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("", LabelError, "missing: id, label"),
        ("id;label\n1;2\n", LabelError, "missing: id, label.*separated by commas"),
        ("name,label\na.png,2\n", LabelError, "line 2: .* got ''; names need names="),
        ("id,name,label\n1,a, b.png,2\n", LabelError, "line 2: 4 cells for 3 columns"),
        ("id,label,label\n1,2,3\n", LabelError, "more than one column label"),
        ("id,answer\n1,2\n", LabelError, "missing: label"),
        ("id,label\n1,0\nx,1\n", LabelError, "line 3: expected a dataset index as id, got 'x'"),
        ("id,label\n1.5,0\n", LabelError, "got '1.5'"),
        ("id,label\n-1,0\n", LabelError, "got '-1'"),
        ("id,label\n,0\n", LabelError, "line 2: .* got ''"),
        ("label,id\n3\n", LabelError, "line 2: .* got ''"),
        ("id,label\n1,nan\n", LabelError, "sample 1: .* kind int .* 'nan'"),
        ("id,label\n1,inf\n", LabelError, "sample 1: .* kind int .* 'inf'"),
        ("id,label\n1,0\n2,cat\n", LabelError, r"sample 2: .* kind int .* 'cat' \(str\)"),
        ("id,label\n1,0\n10,1\n", SampleIndexError, "0 to 9, got 10"),
        ("id,label\n1,0\n1,0\n", SampleIndexError, "sample 1 is given more than once"),
        ("id,label,round\n1,0,99999999999\n", ConfigurationError, "round .* got 99999999999"),
    ],
)
def test_a_file_that_cannot_be_right_says_so_and_changes_nothing(text, error, says, pool, tmp_path):
    pool.annotate([9], [1])
    before = pool.state_dict()
    (tmp_path / "round.csv").write_text(text)
    with pytest.raises(error, match=says):
        pool.annotate(tmp_path / "round.csv")
    assert pool.state_dict() == before
    assert pool.undo().tolist() == [9]


def test_a_file_in_another_encoding_says_so(pool, tmp_path):
    (tmp_path / "round.csv").write_bytes("id,label\n1,é\n".encode("latin-1"))
    with pytest.raises(LabelError, match="not UTF-8"):
        pool.annotate(tmp_path / "round.csv")


def test_a_file_and_labels_are_one_too_many(pool, tmp_path):
    with pytest.raises(LabelError, match="not both"):
        pool.annotate(tmp_path / "round.csv", [1])
    with pytest.raises(FileNotFoundError, match="there is no file") as raised:
        pool.annotate(tmp_path / "absent.csv")
    assert isinstance(raised.value, LabelError)
    with pytest.raises(LabelError, match="cannot be read: Is a directory"):
        pool.annotate(tmp_path)


# --- names ----------------------------------------------------------------------------------------

FILES = [f"img_{i}.png" for i in range(10)]


@pytest.fixture
def named():
    return al.ActiveLearningDataset(torch.arange(10.0), names=FILES)


@pytest.mark.parametrize("labeled", [True, False])
def test_a_name_that_is_not_that_of_the_sample_refuses_the_file(labeled, named, tmp_path):
    label = "1" if labeled else ""
    rows = f"id,name,label\n2,img_2.png,0\n3,img_4.png,{label}\n"
    (tmp_path / "round.csv").write_text(rows)
    says = "round.csv, line 3: sample 3 is named 'img_4.png' in the file and 'img_3.png' in the"
    with pytest.raises(LabelError, match=says):
        named.annotate(tmp_path / "round.csv")
    assert named.get_num_annotated() == 0


def test_names_are_enough_and_stand_beside_ids(named, tmp_path):
    (tmp_path / "a.csv").write_text("label,name\n1,img_7.png\n0, img_2.png \n,unknown.png\n")
    assert named.annotate(tmp_path / "a.csv").tolist() == [7, 2]
    assert labels_of(named) == {2: 0, 7: 1}
    (tmp_path / "b.csv").write_text("id,name,label\n,img_3.png,1\n4,,1\n5,img_5.png,0\n,,\n")
    assert named.annotate(tmp_path / "b.csv").tolist() == [3, 4, 5]


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (FILES, "line 2: no sample of the pool has the name 'img_77.png'"),
        (["img_77.png"] * 10, "line 2: several samples of the pool have the name 'img_77.png'"),
    ],
)
def test_a_name_that_is_unknown_or_of_several_samples_is_refused(names, says, tmp_path):
    pool = al.ActiveLearningDataset(torch.arange(10.0), names=names)
    (tmp_path / "a.csv").write_text("name,label\nimg_77.png,1\n")
    with pytest.raises(LabelError, match=says):
        pool.annotate(tmp_path / "a.csv")


def test_a_pool_without_names_reads_by_id(pool, tmp_path):
    (tmp_path / "a.csv").write_text("id,name,label\n3,anything,1\n")
    assert pool.annotate(tmp_path / "a.csv").tolist() == [3]


def test_errors_state_file_line_sample_and_name(named, tmp_path):
    named.annotate([1], [0])
    for row, says in (
        ("2,img_2.png,cat", r"a.csv, line 3: sample 2 \('img_2.png'\): .* 'cat'"),
        ("2,img_2.png,007", r"a.csv, line 3: sample 2 \('img_2.png'\): .* kind int .* '007'"),
        ("1,img_1.png,1", r"a.csv, line 3: sample 1 \('img_1.png'\) is annotated already"),
        ("3,img_3.png,1", r"a.csv, line 3: sample 3 \('img_3.png'\) is given more than once"),
        ("12,,1", r"a.csv, line 3: dataset indices run from 0 to 9, got 12"),
    ):
        (tmp_path / "a.csv").write_text(f"id,name,label\n3,img_3.png,1\n{row}\n")
        with pytest.raises((LabelError, AnnotationError, SampleIndexError), match=says):
            named.annotate(tmp_path / "a.csv")
        assert named.get_num_annotated() == 1


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ('img_0.png,a,\nimg_1.png,"b,\nimg_2.png,c,\n', "line 3: a quote is not closed"),
        ('img_0.png,a,"5 inch\nimg_1.png,b,\nimg_2.png,c,6"\n', "line 2: a cell holds whole rows"),
        ('img_0.png,a,"5" inch\nimg_1.png,b,\n', "line 2: "),
        (f"img_0.png,a,{'x' * 200_000}\n", "line 2: field larger"),
    ],
)
def test_a_quote_that_is_not_closed_loses_no_rows(tmp_path, rows, told):
    pool = al.ActiveLearningDataset(torch.zeros(9, 1), names=[f"img_{i}.png" for i in range(9)])
    (tmp_path / "labels.csv").write_text("name,label,note\n" + rows)
    with pytest.raises(LabelError, match=told):
        pool.annotate(tmp_path / "labels.csv")
    assert pool.get_num_annotated() == 0


def test_a_note_may_have_several_lines(tmp_path):
    pool = al.ActiveLearningDataset(torch.zeros(9, 1), names=[f"img_{i}.png" for i in range(9)])
    text = 'name,label,note\nimg_0.png,a,"one\ntwo, ""three"""\nimg_1.png,b,\n'
    (tmp_path / "labels.csv").write_text(text)
    assert pool.annotate(tmp_path / "labels.csv").tolist() == [0, 1]
