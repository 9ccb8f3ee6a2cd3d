"""A row holds plain values: what a round gave, and nothing that a file could not hold."""

import json

import numpy as np
import pytest
import torch
from torch.utils.data import TensorDataset

import alkit as al
from alkit.experiment.meter import Meter
from alkit.experiment.rows import classes_of, row
from alkit.loop import RoundRecord
from alkit.pool.query import Query
from alkit.querying.meaning import Meaning


def pool_of(labels):
    labels = torch.as_tensor(labels)
    pool = al.ActiveLearningDataset(TensorDataset(torch.zeros(len(labels), 2), labels))
    pool.annotate(range(len(labels)))
    return pool


def meter(kind="logits", tested=None, right=None):
    made = Meter(Meaning(kind))
    made.tested, made.right = tested or {}, right or {}
    return made


def made(query=None, metrics=None, **changes):
    record = RoundRecord(2, 30, metrics or {"testMulticlassAccuracy": 0.5}, 7, {"train": 1.23456})
    record = RoundRecord(**{**vars(record), "query": query})
    counted = meter(tested={0: 4, 1: 2}, right={0: 3})
    return row("mine", 5, record, counted, 4, pool_of([0, 1, 2, 1]), **changes)


def test_a_row_can_be_written_and_read():
    query = Query(
        np.array([3, 1]), scores=np.array([0.5, 0.25], np.float32), guesses=np.array([2, 0])
    )
    assert json.loads(json.dumps(made(query))) == made(query) | {
        "peak_memory_mb": pytest.approx(made(query)["peak_memory_mb"], rel=0.1)
    }


def test_it_says_who_when_and_on_how_much():
    found = made()
    assert [found[k] for k in ("strategy", "seed", "round", "annotated")] == ["mine", 5, 2, 30]
    assert [found[k] for k in ("steps", "validation", "samples_seen")] == [7, 4, 0]
    assert found["seconds_train"] == 1.2346


def test_the_accuracy_of_each_class_stands_under_the_main_accuracy():
    found = made()
    assert found["testMulticlassAccuracy/0"] == 0.75
    assert found["testMulticlassAccuracy/1"] == 0.0
    assert made(metrics={"test_loss": 1.0})["testAccuracy/0"] == 0.75


def test_the_picks_stand_in_their_order_and_without_a_query_there_are_none():
    query = Query(np.array([3, 0]), scores=np.array([2.0, 1.0]), guesses=None, why="TopK")
    found = made(query)
    assert (found["picked"], found["scores"], found["guesses"]) == ([3, 0], [2.0, 1.0], [])
    assert (found["why"], found["queried_classes"]) == ("TopK", [1, 1])
    nothing = made()
    assert all(nothing[k] == [] for k in ("picked", "scores", "guesses", "queried_classes"))
    assert nothing["why"] == ""


def test_guesses_that_are_no_classes_are_left_out():
    assert made(Query(np.array([0, 1]), guesses=np.array([0.5, 0.25])))["guesses"] == []
    assert made(Query(np.array([0, 1]), guesses=np.zeros((2, 3), int)))["guesses"] == []


def test_the_classes_of_a_query_are_counted_up_to_the_highest_that_is_known():
    pool, query = pool_of([0, 2, 2, 1]), Query(np.array([1, 2, 0]))
    assert classes_of(query, pool, meter()) == [1, 0, 2]
    assert classes_of(query, pool, meter(tested={4: 1})) == [1, 0, 2, 0, 0]


@pytest.mark.parametrize("labels", [[0.5, 1.5], [-1.0, 0.0], [[0, 1], [1, 0]]])
def test_labels_that_are_no_classes_are_not_counted(labels):
    assert classes_of(Query(np.array([0, 1])), pool_of(labels), meter()) == []


def test_tags_of_texts_of_any_length_are_not_counted():
    pool = al.ActiveLearningDataset([(torch.zeros(k), [0] * k) for k in range(1, 4)])
    pool.annotate([0, 1, 2])
    assert classes_of(Query(np.array([0, 2])), pool, meter()) == []


def test_of_a_regression_nothing_is_counted():
    assert classes_of(Query(np.array([0, 1])), pool_of([0, 1]), meter("values")) == []
