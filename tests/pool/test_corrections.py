from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import alkit as al
from alkit.errors import AnnotationError, ConfigurationError, QuerySizeError, SampleIndexError
from alkit.pool.corrections import without

N = 8


@pytest.fixture
def pool():
    return al.ActiveLearningDataset(
        [(torch.tensor([float(i)]), i % 3) for i in range(N)], names=[f"{i}.png" for i in range(N)]
    )


def test_an_excluded_sample_is_neither_annotated_nor_a_candidate(pool):
    pool.annotate([0, 1], [2, 2])
    assert pool.exclude([1, 3], "broken").tolist() == [1, 3]
    assert pool.excluded == {1: "broken", 3: "broken"}
    assert pool.annotated_indices.tolist() == [0]
    assert pool.unannotated_indices.tolist() == [2, 4, 5, 6, 7]
    assert pool.indices.tolist() == [0, 2, 4, 5, 6, 7]
    assert pool.rounds[[0, 1, 2, 3]].tolist() == [0, -3, -1, -3]
    assert isinstance(pool[1], torch.Tensor)  # without its label
    assert not set(pool.annotate_random(5, seed=0)) & {1, 3}
    with pytest.raises(AnnotationError, match=r"sample 3 \('3.png'\) is excluded"):
        pool.annotate([3], [1])
    with pytest.raises(AnnotationError, match=r"sample 1 .* is excluded"):
        pool.relabel([1], [0])


def test_exclusion_is_undone_and_included_again(pool):
    pool.annotate([0, 1], [2, 2])
    before = pool.state_dict()
    pool.exclude(["1.png", "2.png"], "unsure")
    middle = pool.state_dict()
    assert pool.undo().tolist() == [1, 2]
    assert pool.state_dict() == before
    pool.exclude([1, 2], "unsure")
    pool.include([1])
    assert pool.excluded == {2: "unsure"}
    assert pool.annotated_indices.tolist() == [0]
    pool.undo()
    assert pool.state_dict() == middle
    pool.include([1, 2])
    pool.annotate([1, 2], [0, 0])
    assert pool.labels_of([1, 2]) == [0, 0]


def test_a_pool_of_excluded_samples_alone_begins_with_round_0(pool):
    pool.exclude(range(N), "broken")
    assert pool.next_round == 0
    with pytest.raises(QuerySizeError):
        pool.annotate_random(1)


def test_wrong_exclusions_change_nothing(pool):
    pool.exclude([1], "broken")
    before = pool.state_dict()
    for error, call in (
        (AnnotationError, lambda: pool.exclude([0, 1], "unsure")),
        (AnnotationError, lambda: pool.include([0, 1])),
        (SampleIndexError, lambda: pool.exclude([0, 0], "unsure")),
        (SampleIndexError, lambda: pool.exclude([N], "unsure")),
        (ConfigurationError, lambda: pool.exclude([0], "")),
        (ConfigurationError, lambda: pool.exclude([0], 3)),
        (ConfigurationError, pool.refresh),
    ):
        with pytest.raises(error):
            call()
        assert pool.state_dict() == before
    assert pool.exclude([], "unsure").tolist() == []
    assert pool.ledger is None


def test_exclusions_are_of_the_state(pool):
    pool.annotate([0], [1])
    pool.exclude([1], "broken")
    state = pool.state_dict()
    pool.exclude([5], "unsure")
    pool.load_state_dict(state)
    assert pool.excluded == {1: "broken"}
    assert pool.state_dict() == state
    old = {key: value for key, value in state.items() if key != "excluded"}
    pool.load_state_dict(old)  # as versions without exclusion wrote it
    assert pool.excluded == {}
    for wrong in ([[0, "x"]], [[1]], [[N, "x"]], [["1", "x"]], [[1, 2]], 3, [[1, "x"], [1, "x"]]):
        with pytest.raises((ConfigurationError, SampleIndexError)):
            pool.load_state_dict({**state, "excluded": wrong})
        assert pool.excluded == {}


def test_exclusion_keeps_to_the_samples_of_among():
    pool = al.ActiveLearningDataset([(i, i) for i in range(N)], among=[0, 1, 2])
    before = pool.state_dict()
    with pytest.raises(AnnotationError, match="not of this pool"):
        pool.exclude([2, 3], "broken")
    pool.exclude([2], "broken")
    pool.load_state_dict(before)  # the same among, although fewer samples are left
    assert pool.indices.tolist() == [0, 1, 2]


@given(st.lists(st.tuples(st.sampled_from("aerxiu"), st.integers(0, N - 1)), max_size=20))
def test_any_sequence_of_changes_is_that_of_a_dict(steps):
    pool = al.ActiveLearningDataset([(i, i) for i in range(N)])
    known, past = {}, []
    for k, (what, index) in enumerate(steps):
        before = dict(known)
        state = known.get(index)
        if what == "u":
            if past:
                known = past.pop()
                pool.undo()
            continue
        allowed = {
            "a": state is None, "e": state != "out", "x": state is None,
            "r": isinstance(state, int), "i": state == "out",
        }[what]  # fmt: skip
        call = {
            "a": partial(pool.annotate, [index], [k]),
            "x": partial(pool.annotate, [index], [k]),
            "e": partial(pool.exclude, [index], "out"),
            "r": partial(pool.relabel, [index], [k]),
            "i": partial(pool.include, [index]),
        }[what]
        if not allowed:
            with pytest.raises(AnnotationError):
                call()
            continue
        call()
        past.append(before)
        known = {**known, index: "out" if what == "e" else k}
        if what == "i":
            del known[index]
    labels = {i: label for i, label in known.items() if label != "out"}
    assert (
        dict(zip(pool.annotated_indices.tolist(), pool.labels_of(pool.annotated_indices))) == labels
    )
    assert set(pool.excluded) == known.keys() - labels.keys()


def test_a_query_without_some_samples_leaves_the_pool_as_it_is(pool):
    seen = without(pool, ["2.png", "3.png"])
    assert seen.unannotated_indices.tolist() == [0, 1, 4, 5, 6, 7]
    assert pool.unannotated_indices.tolist() == list(range(N))
    assert without(pool, None).unannotated_indices.tolist() == list(range(N))
    assert without(pool, torch.tensor([7])).unannotated_indices.tolist() == list(range(N - 1))
    queries = [al.Query(np.array([0, 1])), al.Query(np.array([1, 2]))]
    assert without(pool, queries).unannotated_indices.tolist() == [3, 4, 5, 6, 7]
    with pytest.raises(SampleIndexError):
        without(pool, [N])
    with pytest.raises(AnnotationError, match="another dataset"):
        without(pool, al.Query(np.array([0]), names=["x.png"]))
