import json

import numpy as np
import pytest
import torch
from torch.utils.data import TensorDataset

import alkit as al
from alkit.errors import AlkitError, ConfigurationError, LabelError

FILES = [f"img_{i}.png" for i in range(30)]
X = torch.rand(30, 4, generator=torch.Generator().manual_seed(0))
Y = torch.arange(30) % 3


def pool_of(x=X, names=None, **options):
    return al.ActiveLearningDataset(TensorDataset(x, Y), names=names, **options)


def refused(pool, state, says):
    before = pool.state_dict()
    with pytest.raises(ConfigurationError, match=says):
        pool.load_state_dict(state)
    assert pool.state_dict() == before


def saved(pool, ids=(7, 2)):
    pool.annotate(list(ids))
    return json.loads(json.dumps(pool.state_dict()))


def test_a_state_of_another_order_of_the_names_is_refused_with_the_first_one():
    state = saved(pool_of(names=FILES))
    moved = pool_of(names=FILES[5:] + FILES[:5])
    refused(moved, state, "sample 2 is named 'img_2.png' in the state and 'img_7.png' in this pool")
    swapped = pool_of(names=[*FILES[:8], FILES[9], FILES[8], *FILES[10:]])  # none is annotated
    refused(swapped, state, "its names differ from those of this pool")
    same = pool_of(names=np.array(FILES))
    same.load_state_dict(state)
    assert same.annotated_indices.tolist() == [2, 7]


def test_a_state_of_other_inputs_is_refused():
    state = saved(pool_of())
    refused(pool_of(X.flip(0)), state, "its inputs, .* differ .* remove 'fingerprint'")
    refused(pool_of(X.double()), state, "another dataset")
    del state["fingerprint"]
    pool_of(X.flip(0)).load_state_dict(state)  # as the message says


def test_the_same_dataset_may_get_names_or_lose_them():
    for there, here in ((None, FILES), (FILES, None)):
        pool = pool_of(names=here)
        pool.load_state_dict(saved(pool_of(names=there)))
        assert pool.annotated_indices.tolist() == [2, 7]


@pytest.mark.parametrize(("there", "here"), [(None, FILES), (FILES, None)])
def test_a_state_of_other_inputs_is_refused_where_one_side_has_names(there, here):
    state = saved(pool_of(names=there))
    refused(pool_of(X + 1, names=here), state, "its inputs, .* differ .* remove 'fingerprint'")
    del state["fingerprint"]
    pool_of(X + 1, names=here).load_state_dict(state)


def test_a_dataset_that_lacks_the_labels_of_a_state_is_refused():
    pool = pool_of()
    pool.annotate(range(4))
    pool.annotate([9], [1])
    state = pool.state_dict()
    for lacking in (X, TensorDataset(X, torch.full((30,), -1))):
        without = al.ActiveLearningDataset(lacking)
        with pytest.raises(LabelError, match="sample 0"):
            without.load_state_dict(state)
        assert without.get_num_annotated() == 0
    given_alone = pool_of()
    given_alone.annotate([9], [1])
    al.ActiveLearningDataset(X).load_state_dict(given_alone.state_dict())


def test_an_old_state_has_no_identity_and_loads():
    state = saved(pool_of(names=FILES))
    old = {key: state[key] for key in ("length", "annotated", "rounds", "labels")}
    for pool in (pool_of(), pool_of(X + 1), pool_of(names=FILES[::-1])):
        pool.load_state_dict(old)
        assert pool.labels_of([2, 7]) == [2, 1]


def test_a_state_of_other_samples_of_the_dataset_is_refused():
    state = saved(pool_of(among=range(10)))
    refused(pool_of(among=range(11)), state, "same among=")
    refused(pool_of(), state, "same among=")
    refused(pool_of(among=range(10)), saved(pool_of()), "same among=")
    same = pool_of(among=np.arange(10)[::-1])
    same.load_state_dict(state)
    assert same.indices.tolist() == list(range(10))


def test_items_are_read_for_a_state_alone_and_only_once():
    class Counted(TensorDataset):
        reads = 0

        def __getitem__(self, index):
            Counted.reads += 1
            return super().__getitem__(index)

    pool = al.ActiveLearningDataset(Counted(X, Y))
    pool.annotate([1], [0])
    assert repr(pool)
    assert Counted.reads == 1  # the form of the dataset's labels
    first = pool.state_dict()
    assert Counted.reads == 33
    assert pool.state_dict() == first
    pool.load_state_dict(first)
    assert Counted.reads == 33


def test_a_dataset_that_cannot_be_read_now_still_has_a_state():
    class Broken(TensorDataset):
        def __getitem__(self, index):
            raise OSError("the disk is gone")

    pool = al.ActiveLearningDataset(Broken(X, Y))
    pool.annotate([1], [0])
    state = pool.state_dict()
    pool_of().load_state_dict(state)


@pytest.mark.parametrize(
    "state",
    [
        None,
        {},
        [],
        "state",
        3,
        {"labels": [1, 2]},
        {"labels": None},
        {"labels": [[2, 0, 1]]},
        {"labels": [["2", 0]]},
        {"labels": [[2, 0], [2, 1]]},
        {"labels": [[2, None]]},
        {"labels": [[2, float("nan")]]},
        {"labels": [[2, -1]]},
        {"labels": [[2, 0], [7, "cat"]]},
        {"labels": [[3, 0]]},
        {"labels": {"2": 0}},
        {"annotated": None},
        {"annotated": 2},
        {"annotated": ["2", "7"]},
        {"annotated": [2, 30]},
        {"annotated": [2, 2]},
        {"annotated": [2.0, 7.0]},
        {"rounds": None},
        {"rounds": [0]},
        {"rounds": [0, "a"]},
        {"rounds": [0, -1]},
        {"length": None},
        {"length": "30"},
        {"length": 31},
        {"names": 3},
        {"names": ["img_2.png"]},
        {"names": [2, 7]},
        {"among": 5},
        {"fingerprint": "names:0"},
    ],
    ids=str,
)
def test_a_damaged_state_changes_nothing(state):
    pool = pool_of(names=FILES)
    good = saved(pool)
    pool.annotate([11])
    before = pool.state_dict()
    with pytest.raises(AlkitError):
        pool.load_state_dict({**good, **state} if isinstance(state, dict) and state else state)
    assert pool.state_dict() == before
    assert pool.undo().tolist() == [11]


def test_an_old_state_with_a_sample_outside_of_the_pool_is_refused():
    pool = pool_of(among=range(10))
    old = {"length": 30, "annotated": [2, 12], "rounds": [0, 0], "labels": []}
    with pytest.raises(AlkitError, match="sample 12 is not of this pool"):
        pool.load_state_dict(old)
    assert pool.get_num_annotated() == 0


def test_after_a_state_the_kind_of_its_labels_counts():
    words, numbers = (al.ActiveLearningDataset(range(5)) for _ in range(2))
    words.annotate([0], ["cat"])
    numbers.annotate([1], [3])
    numbers.annotate([2], [4])
    numbers.load_state_dict(words.state_dict())
    numbers.annotate([3], ["dog"])
    with pytest.raises(AlkitError, match="kind str"):
        numbers.annotate([4], [4])


def test_class_numbers_of_a_state_keep_their_meaning():
    classes = ["cat", "dog", "owl"]
    pool = pool_of(classes=classes)
    pool.annotate([1], ["dog"])
    state = json.loads(json.dumps(pool.state_dict()))
    for other in (["dog", "cat", "owl"], [*classes, "fox"], None):
        refused(pool_of(classes=other), state, "same classes= in the same order")
    same = pool_of(classes=tuple(classes))
    same.load_state_dict(state)
    assert same.labels_of([1]) == [1]
    pool_of(classes=classes).load_state_dict(saved(pool_of()))  # classes got their names later
