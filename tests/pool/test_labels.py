import json
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import TensorDataset

import alkit as al
from alkit.errors import LabelError
from alkit.pool.fitting import fitting_labels
from alkit.pool.labels import ABSENT, label_kind, plain

IDS = np.array([4, 2])


def test_the_absent_label_is_one_object_everywhere():
    assert pickle.loads(pickle.dumps(ABSENT)) is ABSENT


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        (3, "int"),
        (True, "int"),
        (np.int16(3), "int"),
        (torch.tensor(3), "int"),
        (2.5, "float"),
        (torch.tensor(2.5), "float"),
        ("cat", "str"),
        ([0, 1, 1], "array of shape (3,)"),
        (torch.zeros(2, 2), "array of shape (2, 2)"),
        ({"boxes": []}, "dict"),
    ],
)
def test_the_kind_of_a_label_is_the_kind_of_its_plain_value(label, kind):
    assert label_kind(label) == kind


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("form", [float, np.float32, torch.tensor, lambda v: [0.0, v]])
def test_a_value_that_is_not_finite_is_not_a_label(value, form):
    with pytest.raises(LabelError, match="is not a label"):
        label_kind(form(value))


@pytest.mark.parametrize("label", [None, ABSENT, [1, [2, 3]], ["a", "b"], [None, 1]])
def test_anything_but_a_value_or_an_array_is_not_a_label(label):
    with pytest.raises(LabelError):
        label_kind(label)


@pytest.mark.parametrize(
    "labels",
    [[5, 6], (5, 6), np.array([5, 6], np.uint8), torch.tensor([5, 6]), [np.int64(5), 6]],
)
def test_labels_become_plain_values(labels):
    fitted = fitting_labels(labels, IDS, None)
    assert json.dumps(fitted) == "[5, 6]"


def test_whole_numbers_fit_among_floats():
    for labels, known in (([1, 2.5], None), ([1, 2], "float"), ([2.5, 1], "float")):
        fitted = fitting_labels(labels, IDS, known)
        assert fitted == labels
        assert all(type(label) is float for label in fitted)


@pytest.mark.parametrize(
    ("labels", "known", "kind"),
    [
        ([1, "cat"], None, "str"),
        (["cat", 1], None, "int"),
        ([1, 2.5], "int", "float"),
        ([1, "cat"], "int", "str"),
        ([[0, 1], [1]], None, r"array of shape \(1,\)"),
        ([1, 2], "str", "int"),
    ],
)
def test_a_label_of_another_kind_is_named(labels, known, kind):
    with pytest.raises(LabelError, match=rf"sample [42]: expected .*\({kind}\)"):
        fitting_labels(labels, IDS, known)


MASK = torch.zeros(64, 64, dtype=torch.long)


@pytest.mark.parametrize(
    ("own", "given", "options"),
    [
        (MASK, MASK - 1, {}),
        (MASK.to(torch.uint8), MASK + 300, {}),
        (MASK, MASK + 255, {"missing": 255}),
        (MASK, MASK[:20, :20], {}),
        (MASK, (MASK / 0).tolist(), {}),
        (MASK, MASK[None], {}),
    ],
)
def test_an_error_about_a_mask_does_not_print_all_of_it(own, given, options):
    images = TensorDataset(torch.zeros(2, 1, 64, 64), own.repeat(2, 1, 1))
    pool = al.ActiveLearningDataset(images, **options)
    with pytest.raises(LabelError, match="sample 1: ") as caught:
        pool.annotate([1], [given])
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "labels",
    [[1], [1, 2, 3], [], "ab", b"ab", {1: 1, 2: 2}, {1, 2}, 5, torch.tensor(5), np.array(5)],
)
def test_a_wrong_number_of_labels_is_refused(labels):
    with pytest.raises(LabelError, match="expected 2 labels, one per index"):
        fitting_labels(labels, IDS, None)


@given(
    st.recursive(st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3), max_leaves=4)
)
def test_plain_values_stay_as_they_are(label):
    assert plain(label) == label
