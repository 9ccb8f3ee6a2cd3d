import csv

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import alkit as al
from alkit.errors import AnnotationError, ConfigurationError, FolderError
from alkit.pool.query import COLUMNS


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


def test_a_query_is_like_an_array_of_its_indices(query):
    assert np.asarray(query).tolist() == [7, 2, 5]
    assert np.asarray(query, dtype=np.float32).dtype == np.float32
    assert torch.as_tensor(np.asarray(query)).tolist() == [7, 2, 5]
    assert len(query) == 3
    assert np.isin([2, 3], query).tolist() == [True, False]


def test_iteration_and_indexing_give_plain_ints(query):
    assert list(query) == [7, 2, 5]
    assert {type(index) for index in [*query, query[0], query[-1]]} == {int}
    assert (query[0], query[-1], query[1:].tolist()) == (7, 5, [2, 5])
    assert query[np.array([True, False, True])].tolist() == [7, 5]


def test_what_numpy_makes_of_a_query_is_a_copy(query):
    np.asarray(query)[0] = 9
    assert list(query) == [7, 2, 5]


def test_a_query_of_a_list_is_as_good():
    query = al.Query([3, 1])
    assert (list(query), query[1], query.indices.dtype) == ([3, 1], 1, np.int64)


def test_its_text_says_what_was_asked_and_why(query):
    assert repr(query) == "Query(round 4: 3 samples [7, 2, 5] by TopK() of Margin())"
    assert "[0, 1, 2, 3, 4, 5, ...]" in repr(al.Query(np.arange(9), why="Random()"))


def test_a_pool_takes_a_query_with_its_round(query, pool):  # fault 16
    assert pool.annotate(query, [0, 1, 2]).tolist() == [7, 2, 5]
    assert pool.rounds.tolist() == [-1, -1, 4, -1, -1, 4, -1, 4, -1, -1]
    assert labels_of(pool) == {2: 1, 5: 2, 7: 0}


def test_a_round_that_is_given_goes_before_that_of_the_query(query, pool):
    pool.annotate(query, [0, 1, 2], round=9)
    assert pool.rounds.max() == 9


# --- files ----------------------------------------------------------------------------------------


def test_a_saved_query_has_a_row_a_sample_and_an_empty_label(query, tmp_path):
    query.save(tmp_path / "round.csv")
    with open(tmp_path / "round.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows == [
        list(COLUMNS),
        ["1", "7", "a,b.png", "4", "0.9", "1", "TopK() of Margin()", ""],
        ["2", "2", 'c"d.png', "4", "0.123457", "0", "TopK() of Margin()", ""],
        ["3", "5", "é.png", "4", "-1", "1", "TopK() of Margin()", ""],
    ]


def test_what_a_query_does_not_know_is_left_empty(tmp_path):
    al.Query(np.array([3]), 1).save(tmp_path / "round.csv")
    table = pd.read_csv(tmp_path / "round.csv", dtype=str, keep_default_na=False)
    assert table.iloc[0].tolist() == ["1", "3", "", "1", "", "", "", ""]


def test_a_file_goes_to_people_and_back(query, pool, tmp_path):
    path = tmp_path / "round.csv"
    query.save(path)
    fill(path, {"7": "1", "2": "0", "5": "1"})
    assert pool.annotate(str(path)).tolist() == [7, 2, 5]
    assert labels_of(pool) == {2: 0, 5: 1, 7: 1}
    assert {type(label) for label in labels_of(pool).values()} == {int}
    assert set(pool.rounds[[2, 5, 7]]) == {4}


def test_a_file_may_be_filled_in_bit_by_bit(query, pool, tmp_path):
    path = tmp_path / "round.csv"
    query.save(path)
    assert pool.annotate(path).tolist() == []
    fill(path, {"5": "1"})
    assert pool.annotate(path).tolist() == [5]
    fill(path, {"5": "1", "2": "0"})
    assert pool.annotate(path).tolist() == [2]
    assert pool.annotate(path).tolist() == []
    assert labels_of(pool) == {2: 0, 5: 1}
    assert set(pool.rounds[[2, 5]]) == {4}


def test_several_people_may_share_a_query_in_any_order(query, pool, tmp_path):
    query.save(tmp_path / "round.csv")
    fill(tmp_path / "round.csv", {"5": "1", "2": "0"}, out=tmp_path / "ann.csv")
    fill(tmp_path / "round.csv", {"7": "1", "2": "0"}, out=tmp_path / "bob.csv")
    assert pool.annotate(tmp_path / "bob.csv").tolist() == [7, 2]
    assert pool.annotate(tmp_path / "ann.csv").tolist() == [5]
    assert labels_of(pool) == {2: 0, 5: 1, 7: 1}


def test_people_who_disagree_are_an_error_and_change_nothing(query, pool, tmp_path):
    query.save(tmp_path / "round.csv")
    fill(tmp_path / "round.csv", {"2": "0"}, out=tmp_path / "ann.csv")
    fill(tmp_path / "round.csv", {"7": "1", "2": "1"}, out=tmp_path / "bob.csv")
    pool.annotate(tmp_path / "ann.csv")
    before = pool.state_dict()
    with pytest.raises(AnnotationError, match="sample 2 is annotated already"):
        pool.annotate(tmp_path / "bob.csv")
    assert pool.state_dict() == before


# --- spreadsheets and disks -----------------------------------------------------------------------

FORMULA = tuple("=+-@\t\r\n")


def cells_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@given(
    st.lists(st.text(st.sampled_from("=+-@'\t a1,\"\n"), max_size=5), min_size=2, max_size=4),
    st.sampled_from(["'", ""]),
)
def test_names_of_any_text_go_to_a_spreadsheet_and_back(tmp_path_factory, names, quote):
    path = tmp_path_factory.getbasetemp() / "names.csv"
    pool = al.ActiveLearningDataset(torch.arange(float(len(names))), names=names)
    ids = np.arange(len(names))
    al.Query(ids, names=names, why=f"{quote}=cmd|' /C calc'!A0").save(path)
    rows = cells_of(path)
    assert not any(cell.startswith(FORMULA) for row in rows for cell in row.values())
    with open(path, "w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows({**row, "label": "'=1+1"} for row in rows)
    assert pool.annotate(path).tolist() == ids.tolist()
    assert pool.labels_of(ids) == ["=1+1"] * len(names)


def test_numbers_stay_numbers(tmp_path):
    al.Query(
        np.array([3]), scores=np.array([-2.5]), guesses=np.array([-1.5]), why="-Margin()"
    ).save(tmp_path / "round.csv")
    (row,) = cells_of(tmp_path / "round.csv")
    assert (row["score"], row["guess"], row["why"]) == ("-2.5", "-1.5", "'-Margin()")


def test_guesses_are_shown_by_the_names_of_the_classes(tmp_path):
    classes = ["glass", "=paper", "7"]
    data = [(torch.randn(4), None) for _ in range(6)]
    pool = al.ActiveLearningDataset(data, classes=classes)
    strategy = al.Strategy(al.MultiLayerPerceptron(4, [4], 3), pool, seed=0).build()
    query = strategy.query(5)
    query.save(tmp_path / "round.csv")
    shown = [row["guess"] for row in cells_of(tmp_path / "round.csv")]
    assert shown == [["glass", "'=paper", "7"][guess] for guess in query.guesses]
    rows = cells_of(tmp_path / "round.csv")
    with open(tmp_path / "round.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows({**row, "label": row["guess"]} for row in rows)  # a person who agrees
    pool.annotate(tmp_path / "round.csv")
    assert pool.labels_of(query) == list(query.guesses)


def test_the_validation_part_of_a_query_has_its_names_too():
    pools = [
        al.ActiveLearningDataset(torch.randn(20, 4), names=[f"{kind}{i}" for i in range(20)])
        for kind in ("train", "val")
    ]
    net = al.MultiLayerPerceptron(4, [4], 3)
    strategy = al.Strategy(net, pools[0], val_pool=pools[1], val_share=0.5, seed=0).build()
    query = strategy.query(6)
    assert query.validation.names == [f"val{i}" for i in query.validation]


def test_a_file_is_written_whole_or_not_at_all(query, tmp_path):
    path = tmp_path / "new" / "round.csv"
    query.save(path)
    before = path.read_bytes()
    (tmp_path / "new" / ".round.csv.part").mkdir()  # nothing can be written beside it
    with pytest.raises(FolderError, match=r"round\.csv cannot be written"):
        al.Query(np.array([1])).save(path)
    assert path.read_bytes() == before
    with pytest.raises(FolderError, match="cannot be written"):
        query.save(tmp_path)
    with pytest.raises(FolderError, match="cannot be written"):
        query.save(path / "round.csv")


@pytest.mark.parametrize("path", [None, 3, ["a.csv"]])
def test_a_query_is_saved_under_a_path(path, query):
    with pytest.raises(ConfigurationError, match="path of a CSV file"):
        query.save(path)


def test_a_name_that_is_not_unicode_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match=r"not Unicode.*udcff"):
        al.Query(np.array([4]), names=["a\udcff.png"]).save(tmp_path / "round.csv")
    assert not list(tmp_path.iterdir())
