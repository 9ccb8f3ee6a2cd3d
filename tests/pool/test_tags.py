"""Names of the labels that are on, and labels of several values in files."""

import csv

import pytest
import torch
from torch.utils.data import TensorDataset

import alkit as al
from alkit.errors import LabelError
from alkit.pool.tags import arrays_or_texts, on_or_off

X = torch.zeros(6, 4)
ON = torch.tensor([[1, 0, 1], [0, 1, 0], [1, 1, 1], [0, 0, 0], [1, 0, 0], [0, 1, 1]])
NAMES = ["cat", "dog", "owl"]


def pool_of(y=ON, classes=NAMES, n=1, x=X, **options):
    pool = al.ActiveLearningDataset(TensorDataset(x, y), classes=classes, **options)
    pool.annotate(range(n))
    return pool


@pytest.mark.parametrize("dtype", [torch.long, torch.float])
def test_names_of_labels_are_those_that_are_on(dtype, tmp_path):
    ledger = tmp_path / "ledger"
    pool = pool_of(ON.to(dtype), ledger=ledger)
    given = [["owl"], ["owl", "cat"], [], [1, 1, 0]]
    pool.annotate([1, 2, 3, 4], given)
    pool.relabel([1], [["owl", "dog", "cat"]])
    expected = [[1, 1, 1], [1, 0, 1], [0, 0, 0], [1, 1, 0]]
    again = al.ActiveLearningDataset(TensorDataset(X, ON.to(dtype)), classes=NAMES, ledger=ledger)
    for known in pool, again:
        assert known.labels_of([1, 2, 3, 4]) == expected
        assert known[2][1].dtype == dtype


def test_two_names_of_two_labels_are_not_the_numbers_of_classes():
    pool = pool_of(ON[:, :2], NAMES[:2])
    pool.annotate([1, 2], [["cat", "dog"], ["dog", "cat"]])
    assert pool.labels_of([1, 2]) == [[1, 1], [1, 1]]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["cat", "cow"], "sample 1: expected one of the 3 classes.*'cow'"),
        (["dog", "cat", "dog"], "sample 1: a label appears twice"),
        (["cat", 1], "sample 1"),
    ],
)
def test_other_names_change_nothing(names, message):
    pool = pool_of()
    with pytest.raises(LabelError, match=message):
        pool.annotate([2, 1], [["cat"], names])
    assert pool.annotated_indices.tolist() == [0]


def test_names_of_words_stay_one_number_per_word():
    words = al.ActiveLearningDataset(["the cat sat", "a cat slept"], classes=NAMES)
    words.annotate([0], [["dog", "cat", "dog"]])
    words.annotate([1], [["dog", "cat", "owl"]])
    assert words.labels_of([0, 1]) == [[1, 0, 1], [1, 0, 2]]
    tokens = pool_of(torch.tensor([[0, 1, 2]] * 6), x=torch.zeros(6, 3).long())
    tokens.annotate([1], [["dog", "cat", "owl"]])
    assert tokens.labels_of([1]) == [[1, 0, 2]]


@pytest.mark.parametrize("known", [0, 1])
@pytest.mark.parametrize("classes", [None, NAMES])
def test_vectors_of_a_query_are_read_from_its_file(known, classes, tmp_path):
    pool = pool_of(classes=classes, n=known)
    query = al.select(3, scores=[0.1, 0.2, 0.3, 0.4, 0.5, 0.6], annotated=[*range(known)])
    query.save(tmp_path / "query.csv")
    with open(tmp_path / "query.csv", newline="") as file:
        rows = [*csv.DictReader(file)]
    cells = ["[1, 0, 1]", "[0,0,0]", '["owl"]' if classes and known else "[0, 0, 1]"]
    with open(tmp_path / "query.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows({**row, "label": cell} for row, cell in zip(rows, cells))
    pool.annotate(tmp_path / "query.csv")
    assert pool.labels_of(query.indices) == [[1, 0, 1], [0, 0, 0], [0, 0, 1]]
    assert pool[query.indices[0]][1].dtype == torch.long


def test_a_cell_that_is_no_list_stays_a_text():
    assert arrays_or_texts(["[1, 2]", "[1,", "a", '{"a": 1}']) == [[1, 2], "[1,", "a", {"a": 1}]


def test_numbers_stay_numbers():
    assert on_or_off([1, 0, 2], 3, NAMES.index) == [1, 0, 2]
    assert on_or_off(["dog", "dog"], 3, NAMES.index) is None
