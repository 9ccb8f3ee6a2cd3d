from decimal import Decimal
from enum import IntEnum
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader, TensorDataset

import alkit as al
from alkit.errors import ConfigurationError, LabelError
from alkit.pool.gate import Gate
from alkit.pool.labels import plain

NAN = float("nan")
Answer = IntEnum("Answer", "YES NO")
MATERIALS = ["glass", "paper", "metal"]


def pool_of(labels, **options):
    return al.ActiveLearningDataset([(float(i), y) for i, y in enumerate(labels)], **options)


def refused(pool, says, call):
    before = pool.state_dict()
    with pytest.raises(LabelError, match=says):
        call()
    assert pool.state_dict() == before


# --- the dataset's labels -------------------------------------------------------------------------

NOT_LABELS = [
    -1,
    -100,
    NAN,
    None,
    torch.tensor(-1),
    torch.tensor(NAN),
    np.int64(-1),
    np.float32(NAN),
    np.array(-100),
    float("inf"),
    "",
    " ",
    torch.full((3,), NAN),
    np.full((2, 2), -100),
    [NAN, NAN],
]


@pytest.mark.parametrize("label", NOT_LABELS, ids=repr)
def test_what_is_not_a_label_is_refused_by_sample_from_both_sides(label):
    pool = pool_of([0, 1, label, 2])
    refused(pool, "sample 2", lambda: pool.annotate([0, 1, 2, 3]))
    people = al.ActiveLearningDataset(range(4))
    refused(people, "sample 2", lambda: people.annotate([2], [label]))


@pytest.mark.parametrize(
    ("label", "missing"),
    [
        (-1, -1),
        (-100, [-1, -100]),
        (NAN, NAN),
        (torch.tensor(-1), -1),
        (torch.tensor(NAN), NAN),
        (np.float32(NAN), np.array([NAN])),
        (np.int32(255), {255}),
        ("?", ["", "?"]),
        (torch.full((2, 2), -100), -100),
        (np.full(3, NAN), torch.tensor(NAN)),
        (-1.0, -1),
        (None, None),
    ],
)
def test_what_the_user_calls_missing_is_no_label_and_people_can_give_one(label, missing):
    pool = pool_of([label, label], missing=missing)
    refused(pool, "no label for sample 1: pass labels", lambda: pool.annotate([1]))
    refused(pool, "no label", lambda: pool.annotate_random(1, seed=0))
    pool.annotate([1], [3])
    assert pool.labels_of([1]) == [3]
    assert pool[0] == 0.0


def test_a_label_that_means_missing_is_not_taken_from_people():
    pool = pool_of([1.0, 2.0], missing=-9.0)
    refused(pool, r"sample 0: -9.0 means 'not annotated'", lambda: pool.annotate([0], [-9.0]))


@pytest.mark.parametrize("missing", [object(), {"a": 1}, [[1, 2]], b"x", len])
def test_what_cannot_be_a_missing_label_is_refused(missing):
    with pytest.raises(ConfigurationError, match="missing must be the label"):
        pool_of([1], missing=missing)


@pytest.mark.parametrize(
    "labels",
    [
        [-1.0, 2.5],
        torch.tensor([-1.0, -2.0]),
        [torch.tensor([0.5, NAN]), torch.tensor([NAN, 1.0])],
        [np.array([-100, 1]), np.array([2, -100])],
        [torch.tensor([1]), torch.tensor([1, 2])],
        [{"boxes": [1]}, {"boxes": []}],
        [["a", "b"], ["c"]],
        [torch.zeros(0, 4), torch.zeros(2, 4)],
        [True, False],
        ["cat", "dog"],
    ],
)
def test_targets_of_any_other_kind_pass_unchanged(labels):
    pool = pool_of(labels)
    pool.annotate([0, 1])
    for index in (0, 1):
        assert pool[index][1] is labels[index] or torch.equal(pool[index][1], labels[index])


@pytest.mark.parametrize(
    ("own", "given"),
    [
        (20, "cat"),
        ("cat", 20),
        (1.5, "1,5"),
        (2, 2.0),
        ([1, 2], 1),
        (torch.tensor([1.0, 2.0]), [1.0]),
        (torch.tensor(1), [1]),
        (torch.tensor([1.0]), 1.0),
        (np.float32(1.5), "cat"),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_labels_of_one_pool_are_of_one_kind_whoever_gives_them_first(own, given, first):
    pool = pool_of([own, own, own])
    if not first:
        pool.annotate([2])
    refused(pool, "sample 1: expected a label of kind", lambda: pool.annotate([1], [given]))
    pool.annotate([1], [plain(own)])
    refused(pool, "sample 0: expected a label of kind", lambda: pool.annotate([0], [given]))


def test_an_integer_among_floats_is_a_float_and_a_placeholder_is_no_label():
    pool = pool_of([2.5, 2.5])
    pool.annotate([1], [1])
    assert repr(pool.labels_of([1])) == "[1.0]"
    unlabeled = pool_of([0, 0], missing=0)
    unlabeled.annotate([1], ["cat"])
    assert unlabeled.labels_of([1]) == ["cat"]


def test_of_two_kinds_the_rarer_one_is_wrong():
    pool = pool_of([None] * 3)
    wrong = lambda: pool.annotate([0, 1, 2], ["skip", 1, 2])  # noqa: E731
    refused(pool, "sample 0: expected a label of kind int", wrong)


@pytest.mark.parametrize(
    ("dtype", "fits", "too_much"),
    [
        (torch.uint8, 255, 256),
        (torch.int16, 32767, 40_000),
        (torch.float16, 2048, 2049),
        (torch.float16, 1.1, 1e6),
        (torch.float32, 2**24, 2**24 + 1),
        (torch.float32, 0.1, 1e39),
        (torch.uint8, [1, 255], [1, 256]),
    ],
)
@pytest.mark.parametrize("array", [False, True])
def test_a_label_that_the_dtype_of_the_dataset_would_change_is_refused(
    dtype, fits, too_much, array
):
    own = torch.ones(np.shape(fits), dtype=dtype)
    pool = pool_of([own.numpy() if array else own] * 2)
    refused(pool, "sample 1: .*cannot hold", lambda: pool.annotate([1], [too_much]))
    pool.annotate([1], [fits])
    assert torch.as_tensor(pool[1][1]).dtype == dtype
    assert np.allclose(pool.labels_of([1])[0], fits, rtol=1e-3)


def test_a_float_reaches_a_dataset_of_64_bits_unchanged():
    pool = pool_of([torch.tensor(1.0, dtype=torch.float64)] * 2)
    pool.annotate([1], [0.1])
    assert pool.labels_of([1]) == [0.1]


@pytest.mark.parametrize(
    "label", [10**30, Decimal("1.5"), Fraction(1, 2), 1j, Answer.YES, pd.NA], ids=repr
)
def test_values_that_no_loss_or_state_could_use_are_refused(label):
    pool = pool_of([None] * 2)
    refused(pool, "sample 1: .* label", lambda: pool.annotate([1], [label]))


def test_one_call_with_two_kinds_of_the_dataset_is_refused():
    pool = pool_of([1, "cat"])
    refused(pool, r"sample 1: .* kind int .* 'cat' \(str\)", lambda: pool.annotate([0, 1]))


@pytest.mark.parametrize("labels", [[0, 1, -1], [0.0, NAN, 1.0], [[1.0, 2.0], [NAN, NAN]]])
@pytest.mark.parametrize("tensors", [True, False])
def test_reads_in_training_pass_the_gate_too(labels, tensors):
    rows = torch.zeros(len(labels), 2)
    y = torch.ones_like(torch.tensor(labels))
    data = TensorDataset(rows, y) if tensors else list(zip(rows, y))
    pool = al.ActiveLearningDataset(data)
    n = len(labels)
    known = {"length": n, "annotated": list(range(n)), "rounds": [0] * n, "labels": []}
    pool.load_state_dict(known)
    y.copy_(torch.tensor(labels))  # as where the few labels that a state reads were others
    with pytest.raises(LabelError, match=r"sample \d: .*missing="):
        list(DataLoader(pool.annotated, 4))
    with pytest.raises(LabelError, match=r"sample \d: .*missing="):
        pool.annotated.stacked(list(range(n))) or list(pool.annotated)


@given(st.lists(st.integers(-2, 5), min_size=1, max_size=6), st.booleans(), st.booleans())
def test_a_batch_is_allowed_only_if_each_label_is(labels, named, floats):
    gate = Gate(["a", "b", "c"] if named else None, None)
    batch = torch.tensor(labels, dtype=torch.float32 if floats else torch.int64)

    def passes(label):
        try:
            gate.own(0, label, str)
        except LabelError:
            return False
        return True

    assert gate.allows(batch) == all(map(passes, batch))


# --- classes --------------------------------------------------------------------------------------


def test_text_becomes_class_numbers_wherever_labels_come_in(tmp_path):
    pool = pool_of(["glass", "metal", 1, np.str_("paper"), None], classes=MATERIALS)
    assert pool.classes == MATERIALS
    pool.annotate([0, 1, 2, 3])
    assert pool.labels_of([0, 1, 2, 3]) == [0, 2, 1, 1]
    pool.annotate([4], ["paper"])
    pool.relabel([0], [" glass "])
    assert next(iter(DataLoader(pool.annotated, 5)))[1].tolist() == [0, 2, 1, 1, 1]
    twin = pool_of([None] * 5, classes=MATERIALS)
    (tmp_path / "a.csv").write_text("id,label\n0,glass\n1,2\n2,1.0\n")
    twin.annotate(tmp_path / "a.csv")
    assert twin.labels_of([0, 1, 2]) == [0, 2, 1]
    assert twin.annotate(tmp_path / "a.csv").tolist() == []


@pytest.mark.parametrize("label", ["glas", "Glass", 3, -1, 1.0, "3", "", None, NAN])
def test_any_other_label_is_refused_by_sample_file_line_and_name(label, tmp_path):
    names = ["a.png", "b.png"]
    pool = pool_of([0, label], classes=MATERIALS, names=names)
    refused(pool, r"sample 1 \('b.png'\)", lambda: pool.annotate([1]))
    refused(pool, r"sample 1 \('b.png'\)", lambda: pool.annotate(["b.png"], [label]))
    if isinstance(label, str) and label:
        (tmp_path / "a.csv").write_text(f"id,label\n0,glass\n1,{label}\n")
        says = r"a.csv, line 3: sample 1 \('b.png'\): expected one of the 3 classes"
        refused(pool, says, lambda: pool.annotate(tmp_path / "a.csv"))


def test_a_likely_class_is_named():
    pool = pool_of([0], classes=MATERIALS)
    refused(pool, "Did you mean 'glass'", lambda: pool.annotate([0], ["glas"]))
    refused(pool, "from 0 to 2, got 7", lambda: pool.annotate([0], [7]))


def test_classes_that_look_like_numbers_are_read_by_name_alone(tmp_path):
    pool = pool_of([None] * 3, classes=["1", "2", "3"])
    (tmp_path / "a.csv").write_text("id,label\n0,1\n1,3\n")
    pool.annotate(tmp_path / "a.csv")
    assert pool.labels_of([0, 1]) == [0, 2]
    (tmp_path / "b.csv").write_text("id,label\n2,0\n")
    refused(pool, "got '0'", lambda: pool.annotate(tmp_path / "b.csv"))
    refused(pool, "sample 2: 1 could be the number of a class", lambda: pool.annotate([2], [1]))
    pool.annotate([2], ["1"])
    again = pool_of([None] * 3, classes=["1", "2", "3"])
    again.load_state_dict(pool.state_dict())
    assert again.labels_of([0, 1, 2]) == [0, 2, 0]


def test_text_of_an_old_state_becomes_class_numbers():
    old, new = pool_of([None] * 3), pool_of([None] * 3, classes=MATERIALS)
    old.annotate([0, 2], ["metal", "glass"])
    new.load_state_dict(old.state_dict())
    assert new.labels_of([0, 2]) == [2, 0]
    other = pool_of([None] * 3, classes=["cat", "dog"])
    refused(other, "sample 0: expected one of", lambda: other.load_state_dict(old.state_dict()))


@pytest.mark.parametrize(
    "classes",
    ["glass", 3, [], ["a", 1], ["a", "a"], ["a", " a"], ["a", ""], {"a": 0}, {"a"}, [b"a"]],
)
def test_classes_are_a_list_of_distinct_names(classes):
    with pytest.raises(ConfigurationError, match="classes must be"):
        pool_of([0], classes=classes)


def test_classes_do_not_touch_labels_of_several_values():
    masks = [np.array([0, 255]), np.array([1, 2])]
    pool = pool_of(masks, classes=["a", "b"])
    pool.annotate([0, 1])
    assert pool.labels_of([0]) == [[0, 255]]


# --- text of files --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "kind", "read"),
    [
        (["007", "7", "1e3"], None, ["007", "7", "1e3"]),
        (["7", "1e3"], None, ["7", "1e3"]),
        (["7", "12"], None, [7, 12]),
        (["3.0", "4.0"], None, [3, 4]),
        (["3", "3.0"], None, ["3", "3.0"]),
        (["2.5", "3"], None, [2.5, 3]),
        (["-2.0", "3.0"], None, [-2.0, 3.0]),
        (["1.10", "1.1"], None, ["1.10", "1.1"]),
        (["1.10"], None, ["1.10"]),
        (["nan", "1"], None, ["nan", "1"]),
        (["True"], None, ["True"]),
        (["1_0"], None, ["1_0"]),
        (["٣"], None, ["٣"]),
        ([], None, []),
        (["007", "7", "3.0", "1e3", "-1"], "int", ["007", 7, 3, "1e3", -1]),
        (["007", "7", "2.50", "1e-3", "x"], "float", [7.0, 7.0, 2.5, 0.001, "x"]),
        (["007", "7", "1e3"], "str", ["007", "7", "1e3"]),
    ],
)
def test_a_text_is_a_number_only_where_nothing_is_lost(texts, kind, read):
    came = Gate(None, None).read(texts, kind)
    assert came == read
    assert [type(value) for value in came] == [type(value) for value in read]


@given(st.lists(st.text("0123456789.e-+_a ", min_size=1, max_size=5), max_size=5))
def test_different_texts_stay_different_labels_where_no_label_is_known(texts):
    read = Gate(None, None).read(texts, None)
    assert len(set(map(repr, read))) == len(set(texts)) or len(set(read)) == len(set(texts))
    assert len({type(value) is str for value in read}) <= 1


@pytest.mark.parametrize(
    ("own", "labels"),
    [
        (torch.tensor(5), [7, 8]),
        (np.int64(5), [7, 8]),
        (5, [7, 8]),
        (torch.tensor(5.0), [7.0, 8.0]),
        (2.5, [7.0, 8.0]),
        ("a", ["7", "8"]),
        (np.str_("a"), ["7", "8"]),
    ],
)
def test_the_first_file_is_read_in_the_kind_of_the_datasets_labels(own, labels, tmp_path):
    pool = pool_of([own] * 3)
    (tmp_path / "a.csv").write_text("id,label\n0,7\n1,8\n")
    pool.annotate(tmp_path / "a.csv")
    assert pool.labels_of([0, 1]) == labels
    pool.annotate([2])  # of the same kind


def test_a_missing_label_of_the_dataset_decides_nothing(tmp_path):
    (tmp_path / "a.csv").write_text("id,label\n0,007\n1,7\n")
    for own, options in ((NAN, {}), (-1, {"missing": -1}), (torch.tensor(NAN), {})):
        pool = pool_of([own, "b"], **options)
        pool.annotate(tmp_path / "a.csv")
        assert pool.labels_of([0, 1]) == ["007", "7"]
