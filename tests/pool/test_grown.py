"""A pool that has grown: what it was, and new labeled samples behind it."""

import numpy as np
import pytest
import torch
from torch.utils.data import TensorDataset

import alkit as al
from alkit.errors import LabelError
from alkit.pool.grown import arrived, checked_labels, grown, parted, ungrown
from alkit.pool.labels import ABSENT
from alkit.pool.loaders import train_loader


def tensors():
    return TensorDataset(torch.arange(6.0).reshape(6, 1), torch.arange(6) % 3)


def arrival(number, value, label):
    return number, torch.tensor([float(value)]), label


class Unlooked:
    """A label that fails wherever it is used."""

    def __getattribute__(self, name):
        if name == "__class__":  # isinstance, which reads no value
            return object.__getattribute__(self, name)
        raise AssertionError(f"the label was looked at: {name}")


def test_the_annotations_stay_and_the_new_samples_follow_as_one_round():
    pool = al.ActiveLearningDataset(tensors())
    pool.annotate([4], [2])
    pool.annotate([0, 1])
    larger = grown(pool, [arrival(7, 70, 1), arrival(9, 90, 0)])
    assert larger.rounds.tolist() == [1, 1, -1, -1, 0, -1, 2, 2]
    assert larger.labels_of([4, 0, 6, 7]) == [2, 0, 1, 0]
    assert larger[6][0].tolist() == [70.0]
    assert ungrown(larger) == [(7, larger[6][0], 1), (9, larger[7][0], 0)]


def test_the_first_pool_is_not_changed():
    pool = al.ActiveLearningDataset(tensors())
    pool.annotate([0, 1])
    before = pool.state_dict()
    larger = grown(pool, [arrival(7, 70, 1)])
    larger.annotate([2])
    assert pool.state_dict() == before
    assert len(pool) == 6


def test_growing_twice_is_growing_once_with_all_but_for_the_rounds():
    pool = al.ActiveLearningDataset(tensors())
    pool.annotate([0, 1])
    news = [arrival(k, 10 * k, k % 3) for k in range(4)]
    step = grown(pool, news[:2])
    step.annotate([3])  # a label of the pool in between is kept
    twice, once = grown(step, news[2:]), grown(pool, news)
    assert twice.rounds.tolist() == [0, 0, -1, 2, -1, -1, 1, 1, 3, 3]
    assert ungrown(twice) == ungrown(once) == news
    assert len(twice._samples.dataset.first) == 6


def test_names_classes_keys_transforms_and_the_samples_of_the_pool_are_kept():
    data = [{"image": torch.tensor([float(k)]), "y": "ab"[k % 2]} for k in range(6)]
    pool = al.ActiveLearningDataset(
        data,
        names=list("uvwxyz"),
        label_key="y",
        input_key="image",
        classes=["a", "b"],
        missing="?",
        among=[0, 1, 3],
        transform=lambda x: {**x, "image": x["image"] + 100},
        scoring_transform=lambda x: {**x, "image": x["image"] + 200},
    )
    pool.annotate(["u"])
    pool.exclude([3], "unsure")
    larger = grown(pool, [(7, {"image": torch.tensor([70.0])}, 1)])
    assert larger.names == ["u", "v", "w", "x", "y", "z", "arrival 7"]
    assert larger.rounds.tolist() == [0, -1, -2, -3, -2, -2, 1]
    assert larger.classes == ["a", "b"]
    assert larger.annotated[1] == {"image": torch.tensor([170.0]), "y": 1}
    assert larger.view([6], labels=False, scoring=True)[0] == {"image": torch.tensor([270.0])}
    assert larger.labels_of([0, 6]) == [0, 1]


@pytest.mark.parametrize("labels", [torch.int64, torch.int32, None])
def test_a_batch_contains_old_and_new_labels_in_the_form_of_the_old_ones(labels):
    y = torch.arange(6) % 3
    data = tensors() if labels is None else TensorDataset(tensors().tensors[0], y.to(labels))
    pool = al.ActiveLearningDataset(data)
    pool.annotate([0, 1], None if labels is not None else [2, 1])
    larger = grown(pool, [arrival(7, 70, 1)])
    (batch,) = train_loader(larger.annotated, 8, torch.utils.data.SequentialSampler(range(3)))
    assert batch[0].tolist() == [[0.0], [1.0], [70.0]]
    assert batch[1].tolist() == ([0, 1, 1] if labels is not None else [2, 1, 1])
    assert batch[1].dtype == (labels or torch.int64)


def test_masks_and_several_values_are_labels_too():
    masks = torch.arange(24).reshape(6, 2, 2) % 3
    pool = al.ActiveLearningDataset(TensorDataset(torch.zeros(6, 1), masks))
    pool.annotate([0])
    (label,) = checked_labels(pool, [np.eye(2, dtype=np.int64)], np.array([7]), [])
    larger = grown(pool, [arrival(7, 70, label)])
    assert larger.annotated[1][1].tolist() == [[1, 0], [0, 1]]
    assert larger.annotated[1][1].dtype == masks.dtype


def test_the_state_of_a_grown_pool_is_restored_into_one_that_has_grown_alike():
    pool = al.ActiveLearningDataset(tensors())
    pool.annotate([0, 1])
    larger = grown(pool, [arrival(7, 70, 1)])
    larger.annotate([5])
    again = grown(al.ActiveLearningDataset(tensors()), [arrival(7, 70, 1)])
    again.load_state_dict(larger.state_dict())
    assert again.rounds.tolist() == larger.rounds.tolist()


def test_inputs_that_arrive_are_read_as_those_of_the_pool_are_without_labels():
    pool = al.ActiveLearningDataset(tensors(), scoring_transform=lambda x: x + 200)
    some = arrived(pool, [torch.tensor([1.0]), torch.tensor([2.0])])
    view = some.view(some.indices, labels=False, scoring=True)
    assert [x.tolist() for x in (view[0], view[1])] == [[201.0], [202.0]]
    assert some.get_num_annotated() == 0


@pytest.mark.parametrize(
    ("item", "x"),
    [
        ((torch.tensor(1), Unlooked()), torch.tensor(1)),
        ([torch.tensor(1), Unlooked()], torch.tensor(1)),
        ({"image": 1, "label": Unlooked()}, {"image": 1}),
    ],
)
def test_an_item_is_parted_without_a_look_at_its_label(item, x):
    pool = al.ActiveLearningDataset(tensors())
    found, label = parted(pool, item, 0)
    assert found == x
    assert type(label) is Unlooked


@pytest.mark.parametrize("item", [torch.tensor(1), (torch.tensor(1),), {"image": 1}])
def test_an_item_may_have_no_label(item):
    _, label = parted(al.ActiveLearningDataset(tensors()), item, 0)
    assert label is ABSENT


def test_a_label_is_one_of_the_pool_or_is_refused_by_the_number_of_its_sample():
    pool = al.ActiveLearningDataset(tensors(), classes=["a", "b", "c"])
    assert checked_labels(pool, ["b", 2], np.array([3, 9]), []) == [1, 2]
    with pytest.raises(LabelError, match="sample 9 of the stream"):
        checked_labels(pool, ["b", "d"], np.array([3, 9]), [])
    with pytest.raises(LabelError, match="expected 2 labels"):
        checked_labels(pool, ["b"], np.array([3, 9]), [])
    numbers = al.ActiveLearningDataset([torch.zeros(1)] * 3)  # no label at all so far
    with pytest.raises(LabelError, match="sample 9 of the stream"):
        checked_labels(numbers, ["b"], np.array([9]), [1])
