import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import alkit as al
from alkit.errors import (
    AnnotationError,
    ConfigurationError,
    LabelError,
    QuerySizeError,
    SampleIndexError,
)

N = 12


@pytest.fixture
def pool():
    return al.ActiveLearningDataset([(i, 10 * i) for i in range(N)])


def unchanged(pool, error, match, call):
    """The call raises and leaves the state and the history of the pool unchanged."""
    before, past = pool.state_dict(), len(pool._known._undo)
    with pytest.raises(error, match=match):
        call()
    assert pool.state_dict() == before
    assert len(pool._known._undo) == past


def test_every_index_is_an_index_of_the_dataset(pool):  # fault 10
    assert pool.annotate([0, 1, 2]).tolist() == [0, 1, 2]
    assert pool.annotate([5]).tolist() == [5]
    assert pool.annotated_indices.tolist() == [0, 1, 2, 5]
    assert len(pool.annotate_random(6, seed=0)) == 6
    assert pool.get_num_annotated() == 10


@given(st.lists(st.integers(1, N), min_size=1, max_size=4), st.integers(0, 2**63 - 1))
def test_random_draws_are_distinct_unannotated_and_of_the_requested_number(sizes, seed):  # fault 10
    pool = al.ActiveLearningDataset([(i, i) for i in range(N)])
    drawn = set()
    for n in sizes:
        if n > N - len(drawn):
            unchanged(pool, QuerySizeError, "only", lambda n=n: pool.annotate_random(n, seed=seed))
            continue
        new = set(pool.annotate_random(n, seed=seed).tolist())
        assert len(new) == n
        assert not new & drawn
        drawn |= new
        assert set(pool.annotated_indices) == drawn
        assert set(pool.unannotated_indices) == set(range(N)) - drawn


def test_the_same_seed_draws_the_same_and_no_global_state_is_touched():  # fault 15
    pools = [al.ActiveLearningDataset([(i, i) for i in range(1000)]) for _ in range(5)]
    states = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    first = pools[0].annotate_random(20, seed=3).tolist()
    assert pools[1].annotate_random(20, seed=3).tolist() == first
    assert pools[2].annotate_random(20, seed=np.random.default_rng(3)).tolist() == first
    assert pools[3].annotate_random(20, seed=4).tolist() != first
    assert pools[4].annotate_random(20).tolist() != first
    assert (states[0] == np.random.get_state()[1]).all()  # noqa: NPY002
    assert torch.equal(states[1], torch.get_rng_state())


def test_every_sample_is_drawn_equally_often():
    counts = np.zeros(N)
    for seed in range(600):
        pool = al.ActiveLearningDataset([(i, i) for i in range(N)])
        pool.annotate([0])
        counts[pool.annotate_random(3, seed=seed)] += 1
    assert counts[0] == 0
    expected = 600 * 3 / (N - 1)
    assert ((counts[1:] - expected) ** 2 / expected).sum() < 30  # chi-square, 10 degrees: p 0.001


@pytest.mark.parametrize("n", [0, -1, N, True, 1.5, "2", None])
def test_an_impossible_draw_changes_nothing(n, pool):
    pool.annotate([0])
    unchanged(pool, QuerySizeError, "sample", lambda: pool.annotate_random(n, seed=0))


def test_an_exhausted_pool_reports_that_nothing_is_left(pool):
    pool.annotate_random(N, seed=0)
    assert len(pool.unannotated) == 0
    unchanged(pool, QuerySizeError, "only 0 are", lambda: pool.annotate_random(1))


def test_rounds_follow_each_other_and_are_stored(pool):  # fault 16
    assert pool.next_round == 0
    pool.annotate([4, 2])
    pool.annotate([7])
    pool.annotate([9], round=5)
    pool.annotate([1], round=1)
    assert pool.rounds.tolist() == [-1, 1, 0, -1, 0, -1, -1, 1, -1, 5, -1, -1]
    assert pool.next_round == 6
    pool.annotate([])
    assert pool.next_round == 6


@pytest.mark.parametrize("round", [-1, 1.5, True, "1", 2**31, 2**40])
def test_an_invalid_round_changes_nothing(round, pool):
    pool.annotate([0])
    unchanged(pool, ConfigurationError, "round", lambda: pool.annotate([1], round=round))


@pytest.mark.parametrize(
    ("indices", "error"),
    [
        ([3, N], SampleIndexError),
        ([3, -1], SampleIndexError),
        ([3, 3], SampleIndexError),
        (np.arange(N) < 3, SampleIndexError),
        ([3.0], SampleIndexError),
        (3, SampleIndexError),
        ([3, 0], AnnotationError),
    ],
)
def test_invalid_indices_change_nothing(indices, error, pool):  # fault 10
    pool.annotate([0])
    for labels in (None, [1, 2]):
        unchanged(pool, error, None, lambda labels=labels: pool.annotate(indices, labels))


@pytest.mark.parametrize(
    "labels",
    [[1], [1, 2, 3], [], [1, None], [1, float("nan")], [1, "cat"], [1, 2.5], "ab", 5, [[1], [2]]],
)
def test_invalid_labels_change_nothing(labels, pool):
    pool.annotate([0, 6])
    unchanged(pool, LabelError, None, lambda: pool.annotate([3, 4], labels))
    unchanged(pool, LabelError, None, lambda: pool.relabel([0, 6], labels))
    unchanged(pool, AnnotationError, "sample 3", lambda: pool.relabel([3, 0], [1, 1]))


def test_every_sample_needs_a_label_not_only_the_first():
    pool = al.ActiveLearningDataset([(0, 1), (0, None), (0, 2)])
    unchanged(pool, LabelError, "no label for sample 1", lambda: pool.annotate([0, 1]))
    assert pool.annotate([0, 2]).tolist() == [0, 2]


def test_relabeling_changes_labels_and_nothing_else(pool):
    pool.annotate([0, 6])
    pool.annotate([2])
    rounds = pool.rounds
    assert pool.relabel([6, 0], [1, 2]).tolist() == [6, 0]
    assert [pool[i][1] for i in (0, 2, 6)] == [2, 20, 1]
    assert pool.rounds.tolist() == rounds.tolist()
    assert pool.undo().tolist() == [6, 0]
    assert [pool[i][1] for i in (0, 2, 6)] == [0, 20, 60]


def test_undone_samples_can_be_annotated_again(pool):
    pool.annotate([3], [7])
    pool.undo()
    assert pool[3] == 3
    pool.annotate([3])
    assert pool[3][1] == 30


def test_the_number_of_annotated_samples_can_be_written_as_json(pool):  # fault 16
    pool.annotate_random(3, seed=0)
    assert json.dumps([pool.get_num_annotated(), pool.next_round]) == "[3, 1]"


def test_a_dataset_without_labels_needs_labels_from_outside():
    pool = al.ActiveLearningDataset(range(N))
    unchanged(pool, LabelError, "no label for sample 3", lambda: pool.annotate([3]))
    unchanged(pool, LabelError, "no label for", lambda: pool.annotate_random(2, seed=0))
    unchanged(pool, LabelError, "None", lambda: pool.annotate([3], [None]))


def test_a_single_name_with_its_label_must_be_in_a_list():
    pool = al.ActiveLearningDataset(torch.zeros(3, 1), names=["a.png", "b.png", "c.png"])
    with pytest.raises(LabelError, match=r"a single name must be in a list, \['b.png'\]"):
        pool.annotate("b.png", 1)
    assert pool.annotate(["b.png"], [1]).tolist() == [1]
