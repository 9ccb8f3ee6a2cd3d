import copy
import pickle
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import TensorDataset

import alkit as al
from alkit.errors import AnnotationError, ConfigurationError, LabelError, LedgerError
from alkit.pool import Ledger
from alkit.pool.ledger import Entry

N = 10
NAMES = [f"{i}.png" for i in range(N)]
CLASSES = ["glass", "paper", "metal"]
DATA = [(torch.tensor([float(i)]), i % 3) for i in range(N)]


def opened(path="labels.db", data=DATA, **options):
    return al.ActiveLearningDataset(data, ledger=path, **{"names": NAMES, **options})


def state(pool):
    """What a pool knows, whether a label came from the dataset or from the ledger."""
    ids = pool.annotated_indices
    labels = dict(zip(ids.tolist(), pool.labels_of(ids)))
    return labels, pool.rounds.tolist(), pool.excluded


def test_a_pool_that_is_opened_again_has_its_annotations():
    pool = opened(classes=CLASSES)
    pool.annotate([3, 1], ["paper", 2])
    pool.annotate([0])
    pool.relabel(["3.png"], [0])
    pool.exclude([5, 1], "unsure")
    pool.annotate([7], [1], round=6)
    pool.annotate([8], [1])
    pool.undo()
    again = opened(classes=CLASSES)
    assert state(again) == state(pool)
    assert state(again)[0] == {0: 0, 3: 0, 7: 1}
    assert (again.excluded, again.next_round) == ({1: "unsure", 5: "unsure"}, 7)
    assert again[0][1] == 0
    assert again[3][1] == 0


def test_each_change_is_an_entry_with_the_name_of_the_class_and_who():
    pool = opened(Ledger("labels.db", who="Ann"), classes=CLASSES)
    pool.annotate([3], [1])
    pool.annotate([4])
    pool.relabel([3], ["metal"])
    pool.exclude([5], "broken")
    pool.undo()
    entries = pool.ledger.entries()
    assert [(e.sample, e.label, e.reason, e.who, e.round) for e in entries[:4]] == [
        ("3.png", "paper", None, "Ann", 0),
        ("4.png", "paper", None, "dataset", 1),
        ("3.png", "metal", None, "Ann", 0),
        ("5.png", None, "broken", "Ann", None),
    ]
    assert entries[4].undoes == entries[3].uid


@pytest.mark.filterwarnings("ignore::alkit.errors.SelectionWarning")
def test_a_query_leaves_its_reason_score_and_guess_in_the_ledger():
    pool = opened(classes=CLASSES)
    strategy = al.Strategy(nn.Linear(1, 3), pool, al.Margin(), seed=0).build()
    query = strategy.query(3)
    pool.annotate(query, [0, 1, 2])
    for k, entry in enumerate(pool.ledger.entries()):
        assert entry.sample == query.names[k]
        assert entry.why == query.why
        assert entry.score == pytest.approx(query.scores[k])
        assert entry.guess == CLASSES[query.guesses[k]]
    strategy.query_and_update(2, oracle=lambda ids: [0] * len(ids))
    assert len(pool.ledger) == 5


KINDS = {
    "text": (["a", "b"], [("x", None)] * N),
    "floats": ([1.5, 2.0], [(0.0, 0.0)] * N),
    "lists": ([[0, 1], [1, 0]], [(0.0, [1, 1])] * N),
    "dicts": ([{"boxes": [[0, 1]]}, {"boxes": []}], [(0.0, None)] * N),
}


@pytest.mark.parametrize("kind", KINDS)
def test_labels_of_any_kind_are_restored(kind):
    labels, data = KINDS[kind]
    opened(data=data).annotate([1, 2], labels)
    assert opened(data=data).labels_of([1, 2]) == labels


def test_the_dataset_s_own_arrays_are_stored_as_lists_and_restored_in_its_form():
    data = TensorDataset(torch.randn(N, 2), torch.arange(2 * N).reshape(N, 2))
    opened(data=data).annotate([1, 2])
    again = opened(data=data)
    assert torch.equal(again[2][1], torch.tensor([4, 5]))
    assert again[2][1].dtype == data[2][1].dtype


def test_names_find_their_samples_in_another_order_and_new_ones_join():
    opened().annotate([1, 2], [0, 1])
    moved = opened(names=[*reversed(NAMES)])
    assert dict(zip(moved.annotated_indices.tolist(), moved.labels_of([7, 8]))) == {7: 1, 8: 0}
    grown = opened(data=[*DATA, *DATA], names=[*(f"new{i}" for i in range(N)), *NAMES])
    assert grown.annotated_indices.tolist() == [11, 12]


def test_samples_that_are_missing_are_reported_and_kept_in_the_ledger():
    opened().annotate([1, 2], [0, 1])
    with pytest.warns(UserWarning, match=r"1 samples of .*labels.db are not in the pool.*'2.png'"):
        pool = opened(data=DATA[:2], names=NAMES[:2])
    assert pool.annotated_indices.tolist() == [1]
    assert opened().annotated_indices.tolist() == [1, 2]
    with pytest.raises(ConfigurationError, match=r"ledger of another dataset.*none of its 2"):
        opened(names=[f"other{i}" for i in range(N)])


def test_without_names_a_ledger_is_bound_to_the_dataset():
    opened(names=None).annotate([1, 2], [0, 1])
    assert opened(names=None).annotated_indices.tolist() == [1, 2]
    assert Ledger("labels.db").entries()[0].sample == "1"
    for other in (DATA[::-1], DATA[:-1]):
        with pytest.raises(ConfigurationError, match=r"another order of its samples.*names="):
            opened(names=None, data=other)
    with pytest.raises(ConfigurationError, match="has the indices of its samples: leave out names"):
        opened()
    opened("named.db")
    with pytest.raises(ConfigurationError, match="has the names of its samples: pass names="):
        opened("named.db", names=None)


@pytest.mark.parametrize("name", ["0.png", " 0.png ", " "])
def test_names_that_are_not_unique_cannot_be_keys(name):
    with pytest.raises(ConfigurationError, match="a ledger finds samples by name, and"):
        opened(names=[*NAMES[:-1], name])


def test_answers_of_others_are_taken_by_refresh():
    mine, other = opened(), opened()
    mine.annotate([0, 1], [0, 1])
    other.refresh()
    other.relabel([1], [2])
    other.exclude([5], "broken")
    other.annotate([6], [0])
    assert mine.unannotated_indices.tolist() == [2, 3, 4, 5, 6, 7, 8, 9]
    assert mine.refresh().tolist() == [1, 5, 6]
    assert mine.refresh().tolist() == []
    assert state(mine) == state(other)
    other.undo()
    assert mine.refresh().tolist() == [6]
    assert mine.undo().tolist() == [0, 1]  # my own last change; the other's label of 1 counts
    assert state(mine)[0] == {1: 2}


def test_a_sample_that_another_has_answered_is_not_annotated_again():
    mine, other = opened(Ledger("labels.db", "Ann")), opened(Ledger("labels.db", "Bob"))
    other.annotate([1], [2])
    before = mine.state_dict()
    with pytest.raises(AnnotationError, match=r"'1.png' has an answer .* by Bob: call pool"):
        mine.annotate([0, 1], [0, 0])
    assert mine.state_dict() == before
    assert len(mine.ledger) == 1
    mine.refresh()
    mine.annotate([0], [0])


@pytest.mark.parametrize("call", ["annotate", "own", "relabel", "exclude", "include", "undo"])
def test_what_the_ledger_cannot_take_changes_nothing_in_memory(call):
    pool = opened()
    pool.annotate([0], [1])
    pool.exclude([1], "unsure")
    with pool.ledger._store.reading() as db:
        db.execute("PRAGMA query_only = ON")  # as a disk that became read-only
    before, past = state(pool), len(pool._known._undo)
    with pytest.raises(LedgerError, match=r"cannot be used.*readonly"):
        {
            "annotate": partial(pool.annotate, [2], [1]),
            "own": partial(pool.annotate, [2]),
            "relabel": partial(pool.relabel, [0], [2]),
            "exclude": partial(pool.exclude, [0], "broken"),
            "include": partial(pool.include, [1]),
            "undo": pool.undo,
        }[call]()
    assert (state(pool), len(pool._known._undo)) == (before, past)


def test_a_label_that_is_not_of_the_pool_is_named_with_its_entry():
    Ledger("labels.db", "Bob").add([Entry("1.png", label="glass"), Entry("2.png", label="wood")])
    with pytest.raises(LabelError, match=r"entry 2 by Bob: sample 2 .*'wood'.*ledger.undo"):
        opened(classes=CLASSES)
    pool = opened(classes=[*CLASSES, "wood"])
    assert pool.labels_of([1, 2]) == [0, 3]
    pool.ledger.add([Entry("3.png", label="cork"), Entry("4.png", label="glass")])
    before = state(pool)
    with pytest.raises(LabelError, match="'cork'"):
        pool.refresh()
    assert state(pool) == before
    pool.ledger.undo(pool.ledger.current()["3.png"].uid)
    assert pool.refresh().tolist() == [4]


def test_names_of_classes_survive_another_order_of_the_classes():
    opened(classes=CLASSES).annotate([1], ["metal"])
    assert opened(classes=CLASSES[::-1]).labels_of([1]) == [0]


SEVERAL = {
    "vectors": [(torch.zeros(1), torch.tensor([k % 2, 1, 0])) for k in range(N)],
    "masks": [(torch.zeros(3, 2, 2), torch.full((2, 2), k % 3)) for k in range(N)],
}


@pytest.mark.parametrize("kind", SEVERAL)
@pytest.mark.parametrize("own", [True, False])
def test_classes_in_labels_of_several_values_keep_their_numbers(kind, own):
    data = SEVERAL[kind]
    pool = opened(data=data, classes=CLASSES)
    pool.annotate([1, 2], None if own else [data[3][1], data[4][1]])
    before = pool.labels_of([1, 2])
    assert opened(data=data, classes=CLASSES).labels_of([1, 2]) == before
    assert opened(data=data).labels_of([1, 2]) == before
    with pytest.raises(ConfigurationError, match="0 is 'glass', and this pool"):
        opened(data=data, classes=CLASSES[::-1])


def test_classes_may_follow_those_of_labels_of_several_values():
    masks = SEVERAL["masks"]
    opened(data=masks, classes=CLASSES[:2]).annotate([0])
    pool = opened(data=masks, classes=[*CLASSES, "wood"])
    pool.annotate([2])
    assert opened(data=masks, classes=CLASSES).labels_of([2]) == pool.labels_of([2])
    with pytest.raises(ConfigurationError, match="2 is 'metal', and this pool"):
        opened(data=masks, classes=[*CLASSES[:2], "wood", "metal"])


def test_an_annotation_under_another_order_of_the_classes_changes_nothing():
    masks = SEVERAL["masks"]
    first, other = opened(data=masks, classes=CLASSES), opened(data=masks, classes=CLASSES[::-1])
    first.annotate([0])
    with pytest.raises(ConfigurationError, match="same order"):
        other.annotate([1])
    assert state(other)[0] == {}
    assert len(first.ledger) == 1


def test_names_in_the_ledger_are_those_of_any_order_of_the_classes():
    vectors = SEVERAL["vectors"]
    Ledger("labels.db", "Ann").add([Entry("1.png", label=["metal", "glass"])])
    for classes in CLASSES, [*CLASSES[1:], CLASSES[0]]:
        expected = [int(name in ("metal", "glass")) for name in classes]
        assert opened(data=vectors, classes=classes).labels_of([1]) == [expected]


@pytest.mark.parametrize("own", [False, True])
def test_names_of_the_classes_of_boxes_survive_another_order_of_the_classes(own):
    label = {"boxes": torch.tensor([[0.0, 0, 5, 5], [1, 1, 3, 3]]), "labels": torch.tensor([2, 0])}
    data = [(torch.zeros(3, 8, 8) + k, label if own else None) for k in range(N)]
    opened(data=data, classes=CLASSES).annotate([1, 2], None if own else [label] * 2)
    names = [CLASSES[2], CLASSES[0]]
    assert Ledger("labels.db").entries()[0].label["labels"] == names
    turned = opened(data=data, classes=[*CLASSES[::-1], "new"])
    assert turned.labels_of([1])[0]["labels"] == [0, 2]
    assert turned[2][1]["labels"].tolist() == [0, 2]
    with pytest.raises(LabelError, match="expected one of the 1 classes"):
        opened(data=data, classes=["new"])


@pytest.mark.parametrize("label", [[0, 1, 1], [[0, 1, 2]] * 3])
def test_numbers_of_classes_in_arrays_are_those_of_the_ledger(label):
    shape = np.shape(label)
    data = [(torch.zeros(shape) + k, None) for k in range(N)]
    opened(data=data, classes=CLASSES).annotate([1], [label])
    assert opened(data=data, classes=[*CLASSES, "new"]).labels_of([1]) == [label]
    for classes in CLASSES[::-1], [*CLASSES, "other"]:
        with pytest.raises(ConfigurationError, match=r"is '.*the same classes="):
            opened(data=data, classes=classes)
    pool = opened(data=data, classes=[*CLASSES, "new"])
    pool.annotate([2], [label])
    assert opened(data=data, classes=[*CLASSES, "new", "last"]).labels_of([2]) == [label]


def test_a_state_is_loaded_into_an_empty_ledger_and_never_replaces_one():
    plain = al.ActiveLearningDataset(DATA, names=NAMES)
    plain.annotate([1], [2])
    plain.annotate([2])
    plain.exclude([3], "broken")
    pool = opened()
    pool.load_state_dict(plain.state_dict())
    assert state(pool) == state(plain) == state(opened())
    pool.annotate([4], [0])
    now = state(pool)
    pool.load_state_dict(plain.state_dict())  # the ledger has more: it stays
    assert state(pool) == now
    pool.undo()
    plain.relabel([1], [0])
    with pytest.raises(ConfigurationError, match=r"another answer for sample 1 .* than the ledger"):
        pool.load_state_dict(plain.state_dict())
    assert state(pool)[0] == {1: 2, 2: 2}


@pytest.mark.filterwarnings("ignore::alkit.errors.SelectionWarning")
def test_a_strategy_is_saved_and_loaded_over_a_ledger(tmp_path):
    def made():
        pool = opened(classes=CLASSES)
        return al.Strategy(nn.Linear(1, 3), pool, seed=0).build()

    strategy = made()
    strategy.query_and_update(3)
    strategy.save(tmp_path / "round.pt")
    assert list(made().load(tmp_path / "round.pt").query(3)) == list(strategy.query(3))


def test_a_pool_with_a_ledger_is_copied_and_pickled():
    pool = opened()
    pool.annotate([1], [1])
    for other in (copy.deepcopy(pool), pickle.loads(pickle.dumps(pool))):
        assert state(other) == state(pool)
    loader = torch.utils.data.DataLoader(pool.annotated, num_workers=1)
    assert [y.tolist() for _, y in loader] == [[1]]


def test_pools_of_parts_share_a_ledger():
    first, second = opened(among=range(5)), opened(among=range(5, N))
    first.annotate([1], [1])
    second.annotate([6], [2])
    assert first.refresh().tolist() == []
    again = opened(among=range(5, N))
    assert again.annotated_indices.tolist() == [6]
    assert opened().annotated_indices.tolist() == [1, 6]


def test_a_ledger_of_another_kind_is_refused():
    with pytest.raises(ConfigurationError, match="ledger must be the path"):
        opened(3)


STEPS = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from("aaoreiuf"), st.integers(0, 4)), max_size=15
)


@given(STEPS)
def test_pools_agree_with_the_ledger_after_any_sequence_of_changes(tmp_path_factory, steps):
    path = tmp_path_factory.mktemp("ledger") / "labels.db"
    pools = [opened(path), opened(path)]
    for k, (which, what, index) in enumerate(steps):
        pool = pools[which]
        call = {
            "a": partial(pool.annotate, [index], [k % 4]),
            "o": partial(pool.annotate, [index]),
            "r": partial(pool.relabel, [index], [k % 4]),
            "e": partial(pool.exclude, [index], f"reason {k}"),
            "i": partial(pool.include, [index]),
            "u": pool.undo,
            "f": pool.refresh,
        }[what]
        try:
            call()
        except AnnotationError:  # it contradicts the pool or the ledger: nothing has changed
            continue
    for pool in pools:
        pool.refresh()
    assert state(pools[0]) == state(pools[1]) == state(opened(path))
    current = pools[0].ledger.current()
    assert {e.sample for e in current.values() if e.reason is None} == {
        NAMES[i] for i in pools[0].annotated_indices
    }
    assert np.array_equal(pools[0].unannotated_indices, opened(path).unannotated_indices)
    for pool in pools:
        pool.ledger.close()


LABELS_WITH_NUMBERS = {
    "tags": ([1, 2, 1], torch.zeros(3)),
    "names": (["paper", "metal", "paper"], torch.zeros(3)),
    "mask": ([[1, 2, 1], [0, 0, 0]], torch.zeros(2, 3)),
}


@pytest.mark.parametrize(("label", "x"), LABELS_WITH_NUMBERS.values(), ids=LABELS_WITH_NUMBERS)
def test_class_numbers_in_a_ledger_never_change_their_meaning(label, x):
    data = [(x, None)] * N
    opened(data=data, classes=CLASSES).annotate([3], [label])
    for classes in CLASSES[::-1], ["glass", "metal", "paper"], ["cork", *CLASSES]:
        with pytest.raises(ConfigurationError, match=r"is 'glass'|is 'paper'"):
            opened(data=data, classes=classes)
    more = opened(data=data, classes=[*CLASSES, "wood"])
    assert more.labels_of([3]) == opened(data=data, classes=CLASSES).labels_of([3])
    with pytest.raises(ConfigurationError, match=r"3 is 'wood', and this pool has 'cork'"):
        opened(data=data, classes=[*CLASSES, "cork"])


def test_the_first_numbers_in_a_ledger_are_refused_where_others_have_theirs():
    data = [(torch.zeros(3), None)] * N
    first = opened(data=data, classes=CLASSES)
    other = opened(data=data, classes=CLASSES[::-1])
    first.annotate([3], [["glass", "paper", "metal"]])
    with pytest.raises(ConfigurationError, match="would change their meaning"):
        other.annotate([4], [["glass", "paper", "metal"]])
    assert other.get_num_annotated() == 0
    with pytest.raises(ConfigurationError, match="would change their meaning"):
        other.refresh()
    assert len(first.ledger.entries()) == 1
