import copy
import io
import json
import pickle

import numpy as np
import pytest
import torch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import alkit as al
from alkit.errors import AnnotationError, ConfigurationError, QuerySizeError, SampleIndexError
from alkit.pool.annotations import Annotations
from alkit.pool.checks import check_query_size
from alkit.pool.state import parsed

N = 8


@pytest.fixture
def known():
    known = Annotations(N)
    known.change(np.array([5, 1]), 0, None)
    known.change(np.array([3]), 1, ["cat"])
    return known


# --- indices --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "indices",
    [[6, 0], (6, 0), np.array([6, 0], np.uint8), torch.tensor([6, 0]), al.Query(np.array([6, 0]))],
)
def test_indices_of_any_integer_kind_become_int64_in_their_order(indices, known):
    ids = known.check(indices)
    assert (ids.tolist(), ids.dtype) == ([6, 0], np.int64)


def test_no_indices_are_fine(known):
    for none in ([], range(0), np.array([]), torch.tensor([])):
        assert known.check(none, annotated=True).shape == (0,)


@pytest.mark.parametrize(
    ("indices", "says"),
    [
        ([N], f"0 to {N - 1}, got {N}"),
        ([0, -1], "got -1"),
        ([2**40], "got 1099511627776"),
        ([2**70], "object"),
        ([2, 0, 2], "sample 2 is given more than once"),
        (np.ones(N, bool), "got booleans; numpy.flatnonzero"),
        (torch.ones(2, dtype=torch.bool), "got booleans"),
        ([0.0, 1.0], "got float64"),
        (torch.ones(2), "got float32"),
        (["1"], "got <U1"),
        (3, "of shape \\(\\)"),
        (None, "got object"),
        ({1, 2}, "got object"),
        ([[1, 2]], "of shape \\(1, 2\\)"),
        ([[1], [2, 3]], "expected a list of integer dataset indices"),
    ],
)
def test_anything_but_a_list_of_distinct_dataset_indices_is_named(indices, says, known):
    with pytest.raises(SampleIndexError, match=says):
        known.check(indices)


def test_a_sample_on_the_wrong_side_is_named(known):
    with pytest.raises(AnnotationError, match="sample 5 is annotated already; use relabel"):
        known.check([0, 5], annotated=False)
    with pytest.raises(AnnotationError, match="sample 0 is not annotated yet; use annotate"):
        known.check([5, 0], annotated=True)


def test_indices_passed_in_and_returned_are_not_shared(known):
    given = np.array([6, 0])
    ids = known.check(given)
    known.change(ids, 2, None)
    ids[:] = 7
    given[:] = 7
    assert known.undo().tolist() == [6, 0]
    assert known.annotated.tolist() == [1, 3, 5]


@pytest.mark.parametrize("n", [1, 3, np.int64(3)])
def test_a_whole_number_up_to_the_unannotated_samples_is_a_query_size(n):
    assert type(check_query_size(n, 3)) is int


@pytest.mark.parametrize("n", [0, -1, 4, True, 1.0, 1.5, "2", None, [1], torch.tensor(2)])
def test_any_other_query_size_is_refused(n):
    with pytest.raises(QuerySizeError):
        check_query_size(n, 3)


# --- undo and state -------------------------------------------------------------------------------


def test_undo_goes_back_change_by_change(known):
    known.change(np.array([3, 5]), [1, 0], ["dog", "emu"])
    assert known.undo().tolist() == [3, 5]
    assert known.labels == {3: "cat"}
    assert known.undo().tolist() == [3]
    assert known.labels == {}
    assert known.undo().tolist() == [5, 1]
    assert known.next_round == 0
    with pytest.raises(AnnotationError, match="nothing to undo"):
        known.undo()


@pytest.mark.parametrize("twin", [copy.deepcopy, lambda k: pickle.loads(pickle.dumps(k))])
def test_a_copy_can_be_undone_too(twin, known):
    other = twin(known)
    assert other.undo().tolist() == [3]
    assert (other.labels, known.labels) == ({}, {3: "cat"})


def through_torch(state):
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize("through", [lambda state: json.loads(json.dumps(state)), through_torch])
@pytest.mark.parametrize(
    "labels",
    [
        np.array([4, 5]),
        [np.int16(4), torch.tensor(5)],
        [True, False],
        torch.tensor([0.5, 1]),
        ["a", "é"],
        torch.eye(2),
        [(0, 1), (1, 0)],
        None,
    ],
)
def test_the_state_survives_json_and_torch(through, labels):  # fault 16
    dataset = [(i, None if labels is not None else i) for i in range(N)]
    pool, other = al.ActiveLearningDataset(dataset), al.ActiveLearningDataset(dataset)
    pool.annotate([6, 2], labels, round=3)
    other.annotate([1], [1])
    other.load_state_dict(through(pool.state_dict()))
    assert other.state_dict() == pool.state_dict()
    assert other.rounds.tolist() == pool.rounds.tolist()
    for index in range(N):
        assert str(other[index]) == str(pool[index])
    with pytest.raises(AnnotationError, match="nothing to undo"):
        other.undo()


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"length": N + 1}, ConfigurationError),
        ({"annotated": [1, 3, N]}, SampleIndexError),
        ({"annotated": [1, 3, 3]}, SampleIndexError),
        ({"rounds": [0, 1]}, ConfigurationError),
        ({"rounds": [0, 1, -1]}, ConfigurationError),
        ({"rounds": [0, 1, 0.5]}, ConfigurationError),
        ({"rounds": [0, 1, 2**40]}, ConfigurationError),
        ({"labels": [[0, "cat"]]}, ConfigurationError),
        (None, ConfigurationError),
    ],
)
def test_an_invalid_state_changes_nothing(change, error, known):
    state = known.state_dict()
    with pytest.raises(error):
        known.restore(*parsed({} if change is None else {**state, **change}, known))
    assert known.state_dict() == state
    assert known.undo().tolist() == [3]


# --- against a model of sets ----------------------------------------------------------------------


class PoolAsSets(RuleBasedStateMachine):
    """A pool and dicts of its expected state: index -> round, and index -> outside label."""

    @initialize()
    def start(self):
        self.pool = al.ActiveLearningDataset([(f"x{i}", i) for i in range(N)])
        self.rounds, self.outside = {}, {}
        self.past = []

    def remember(self):
        self.past.append((dict(self.rounds), dict(self.outside)))

    @property
    def next_round(self):
        return max(self.rounds.values(), default=-1) + 1

    @rule(
        ids=st.lists(st.integers(-1, N), max_size=4),
        labels=st.none() | st.lists(st.integers(100, 999), min_size=4, max_size=4),
        round=st.none() | st.integers(0, 5),
    )
    def annotate(self, ids, labels, round):
        labels = None if labels is None else labels[: len(ids)]
        fits = all(0 <= i < N and i not in self.rounds for i in ids) and len(set(ids)) == len(ids)
        before = self.pool.state_dict()
        if not fits:
            with pytest.raises((SampleIndexError, AnnotationError)):
                self.pool.annotate(ids, labels, round=round)
            assert self.pool.state_dict() == before
            return
        if ids:
            self.remember()
        at = self.next_round if round is None else round
        assert self.pool.annotate(ids, labels, round=round).tolist() == ids
        self.rounds.update(dict.fromkeys(ids, at))
        self.outside.update(zip(ids, labels or [], strict=False))

    @precondition(lambda self: len(self.rounds) < N)
    @rule(data=st.data(), seed=st.integers(0, 99))
    def annotate_random(self, data, seed):
        n = data.draw(st.integers(1, N - len(self.rounds)))
        self.remember()
        at = self.next_round
        drawn = self.pool.annotate_random(n, seed=seed).tolist()
        assert len(set(drawn)) == n
        assert not self.rounds.keys() & set(drawn)
        self.rounds.update(dict.fromkeys(drawn, at))

    @rule(ids=st.lists(st.integers(0, N - 1), max_size=3, unique=True), label=st.integers(100, 999))
    def relabel(self, ids, label):
        if all(i in self.rounds for i in ids):
            if ids:
                self.remember()
            self.pool.relabel(ids, [label] * len(ids))
            self.outside.update(dict.fromkeys(ids, label))
        else:
            with pytest.raises(AnnotationError):
                self.pool.relabel(ids, [label] * len(ids))

    @rule()
    def undo(self):
        if self.past:
            self.pool.undo()
            self.rounds, self.outside = self.past.pop()
        else:
            with pytest.raises(AnnotationError):
                self.pool.undo()

    @rule()
    def save_and_load(self):
        state = json.loads(json.dumps(self.pool.state_dict()))
        self.pool.load_state_dict(state)
        self.past.clear()

    @invariant()
    def the_pool_knows_what_the_sets_know(self):
        pool = self.pool
        annotated = sorted(self.rounds)
        assert pool.annotated_indices.tolist() == annotated
        assert pool.unannotated_indices.tolist() == [i for i in range(N) if i not in self.rounds]
        assert pool.rounds.tolist() == [self.rounds.get(i, -1) for i in range(N)]
        assert pool.next_round == self.next_round
        assert pool.get_num_annotated() == len(annotated)
        labeled = {i: self.outside.get(i, i) for i in annotated}
        expected = [(f"x{i}", labeled[i]) if i in labeled else f"x{i}" for i in range(N)]
        assert list(pool) == expected
        assert list(pool.annotated) == [expected[i] for i in annotated]


PoolAsSets.TestCase.settings = settings(
    max_examples=30, stateful_step_count=20, deadline=None, derandomize=True
)
TestPoolAsSets = PoolAsSets.TestCase
