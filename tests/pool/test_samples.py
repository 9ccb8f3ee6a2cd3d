import copy
import pickle

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset, Subset, TensorDataset
from torchvision import datasets

import alkit as al
from alkit.errors import ConfigurationError, LabelError
from alkit.pool.labels import ABSENT
from alkit.pool.loaders import train_loader
from alkit.pool.samples import Samples


def samples(dataset, *, cache=False, label_key="label", input_key=None):
    return Samples(dataset, cache=cache, label_key=label_key, input_key=input_key)


class Counted(list):
    """Dataset that counts how often each item is read."""

    def __init__(self, items):
        super().__init__(items)
        self.reads = [0] * len(self)

    def __getitem__(self, index):
        self.reads[index] += 1
        return super().__getitem__(index)


@pytest.mark.parametrize("form", [tuple, list])
def test_a_pair_is_an_input_and_its_label(form):
    x = torch.ones(2)
    assert samples([form([x, 7])])[0] == (x, 7)


@pytest.mark.parametrize("form", [tuple, list])
def test_a_sequence_of_one_is_an_input_alone(form):
    x = torch.ones(2)
    assert samples([form([x])])[0] == (x, ABSENT)
    assert len(samples(TensorDataset(torch.zeros(3, 2)))[2]) == 2


@pytest.mark.parametrize("shape", [(1, 4, 4), (2, 4, 4), (3,), ()])
@pytest.mark.parametrize("make", [torch.zeros, np.zeros])
def test_a_bare_tensor_or_array_is_not_unpacked(shape, make):  # fault 13
    x, label = samples([make(shape)])[0]
    assert x.shape == shape
    assert label is ABSENT


@pytest.mark.parametrize("x", ["text", b"ab", 3.5, {1, 2}])
def test_any_other_item_is_an_input_alone(x):
    assert samples([x])[0] == (x, ABSENT)


def test_a_dict_is_split_at_its_label():
    item = {"image": 1, "mask": 2, "label": 3}
    assert samples([item])[0] == ({"image": 1, "mask": 2}, 3)
    assert samples([item], label_key="mask")[0] == ({"image": 1, "label": 3}, 2)
    assert samples([item], label_key=None)[0] == (item, ABSENT)
    assert item == {"image": 1, "mask": 2, "label": 3}


def test_a_pair_whose_input_is_a_dict_stays_a_pair():
    pairs = samples([({"a": 1}, 2)])
    x, label = pairs[0]
    assert (x, label) == ({"a": 1}, 2)
    assert pairs.join(x, label) == ({"a": 1}, 2)


def test_a_declared_input_stays_in_the_dict_and_must_be_there():
    item = {"image": 1, "mask": 2, "label": 3}
    assert samples([item], input_key="image")[0] == ({"image": 1, "mask": 2}, 3)
    with pytest.raises(
        ConfigurationError, match=r"input_key='img' .* item 0 is a dict with 'image'"
    ):
        samples([item], input_key="img")[0]
    with pytest.raises(ConfigurationError, match=r"input_key='x' names .* item 0 is a tuple"):
        samples([(1, 2)], input_key="x")[0]


def test_a_dict_without_the_label_names_its_keys():
    with pytest.raises(LabelError, match="'label'; this one has 'image', 'target'"):
        samples([{"image": 1, "target": 2}])[0]


@pytest.mark.parametrize("item", [(1, None), {"x": 1, "label": None}])
def test_a_label_of_none_is_absent(item):
    assert samples([item])[0][1] is ABSENT


@pytest.mark.parametrize("item", [(1, 2, 3), [1, 2, 3], ()])
def test_a_sequence_of_another_length_is_refused(item):
    with pytest.raises(ConfigurationError, match=rf"item 0 is a {type(item).__name__} of"):
        samples([item])[0]


def test_images_of_torchvision_stay_images():
    x, label = samples(datasets.FakeData(2, (3, 8, 6), num_classes=4))[1]
    assert isinstance(x, Image.Image)
    assert 0 <= int(label) < 4


@pytest.mark.parametrize("dataset", [3, iter([1]), {1, 2}])
def test_only_a_map_style_dataset_is_accepted(dataset):
    with pytest.raises(ConfigurationError, match=type(dataset).__name__):
        samples(dataset)


def test_an_empty_dataset_is_refused():
    with pytest.raises(ConfigurationError, match="at least one sample"):
        samples([])


def test_input_and_label_are_joined_in_the_form_of_the_items():
    pairs, dicts = samples([(1, 2)]), samples([{"x": 1, "y": 2}], label_key="y")
    assert pairs.join(1, 2) == (1, 2)
    assert dicts.join({"x": 1}, 2) == {"x": 1, "y": 2}
    assert samples([{"x": 1}], label_key=None).join({"x": 1}, 2) == {"x": 1, "label": 2}


# --- cache ----------------------------------------------------------------------------------------


def test_the_cache_reads_each_item_once():
    dataset = Counted([(torch.full((2,), float(i)), i) for i in range(4)])
    cached = samples(dataset, cache=True)
    assert dataset.reads == [0, 0, 0, 0]
    for index in (2, 0, 2, 2, 0):
        x, label = cached[index]
        assert (x.tolist(), label) == ([index, index], index)
    assert dataset.reads == [1, 0, 1, 0]


def test_without_a_cache_nothing_is_kept():
    dataset = Counted([(0, 0)])
    plain = samples(dataset)
    plain[0], plain[0]
    assert dataset.reads == [2]
    assert plain.cache_nbytes == 0


@pytest.mark.parametrize("x", [torch.zeros(2), np.zeros(2), {"x": torch.zeros(2)}])
def test_a_reader_that_changes_its_input_leaves_the_cache_as_it_was(x):
    cached = samples([{**x, "label": 1} if isinstance(x, dict) else (x, 1)], cache=True)
    for _ in range(2):
        given = cached[0][0]
        given = given["x"] if isinstance(given, dict) else given
        assert given.tolist() == [0, 0]
        given += 1


class Batched(list):
    def __getitems__(self, indices):
        return [self[index] for index in indices]


@pytest.mark.parametrize("at_once", [False, True])
def test_a_training_that_changes_boxes_or_masks_leaves_the_cache_as_it_was(at_once):
    label = {"boxes": torch.zeros(1, 4), "labels": torch.ones(1).long()}
    label["boxes"][:, 2:] = 2
    items = [(torch.zeros(1, 4, 4), copy.deepcopy(label)) for _ in range(2)]
    pool = al.ActiveLearningDataset(Batched(items) if at_once else items, cache=True)
    pool.annotate([0, 1])
    for _ in range(2):
        _, targets = next(iter(train_loader(pool.annotated, 2, [0, 1])))
        for target in targets:
            assert target["boxes"].tolist() == [[0, 0, 2, 2]]
            target["boxes"] *= 2
    mask = samples([(0, torch.zeros(2, 2))], cache=True)
    mask[0][1].add_(1)
    assert mask[0][1].tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize("twin", [copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))])
def test_a_copy_starts_its_own_empty_cache(twin):
    cached = samples(Counted([(1, None), (2, 5)]), cache=True)
    cached[1]
    other = twin(cached)
    assert (cached[1], other[1]) == ((2, 5), (2, 5))
    assert other[0][1] is ABSENT
    assert (cached.dataset.reads, other.dataset.reads) == ([0, 1], [1, 2])
    assert len(pickle.dumps(cached)) == len(pickle.dumps(samples(cached.dataset, cache=True)))


@pytest.mark.parametrize(
    ("item", "nbytes"),
    [
        ((torch.zeros(1, 4, 4), torch.tensor(3)), 16 * 4),
        (torch.zeros(3, 5, dtype=torch.uint8), 15),
        (np.zeros((2, 2)), 32),
        ({"a": torch.zeros(2), "b": np.zeros(3, np.int16), "label": torch.tensor(0)}, 8 + 6),
        (((torch.zeros(2), torch.zeros(2)), torch.tensor(0)), 16),
        (Image.new("RGB", (5, 4)), 60),
        (Image.new("L", (5, 4)), 20),
    ],
)
def test_the_size_of_the_cache_is_that_of_its_inputs(item, nbytes):
    assert samples([item] * 7, cache=True).cache_nbytes == 7 * nbytes


class AtOnce(Dataset):
    def __init__(self):
        self.asked = []

    def __len__(self):
        return 8

    def __getitem__(self, index):
        self.asked.append(index)
        return float(index), index % 2

    def __getitems__(self, indices):
        self.asked.append(tuple(indices))
        return [(float(index), index % 2) for index in indices]


class Doubled(AtOnce):
    def __getitem__(self, index):
        x, y = super().__getitem__(index)
        return 2 * x, y


@pytest.mark.parametrize("cache", [False, True])
def test_a_dataset_that_can_read_several_items_at_once_does_so(cache):
    data = AtOnce()
    found = samples(data, cache=cache)
    assert found.stacked(np.array([3, 1])).tolist() == [3, 1]
    assert found.stacked(np.array([1, 5, 2])).tolist() == [1, 5, 2]
    assert data.asked == [(3, 1), (5, 2) if cache else (1, 5, 2)]
    assert found.stacked(np.array([7, 7])).tolist() == [7, 7]
    assert data.asked[-1] == ((7,) if cache else (7, 7))  # each may be augmented differently
    part = al.ActiveLearningDataset(Subset(AtOnce(), [6, 4, 2]), cache=cache)
    part.annotate([0, 2])
    asked = part._samples.dataset.dataset.asked
    asked.clear()
    assert part.annotated.stacked([1, 0])[0].tolist() == [2, 6]
    assert asked == ([] if cache else [(2, 6)])


@pytest.mark.parametrize("wrap", [lambda d: d, lambda d: Subset(d, range(8))])
def test_items_changed_by_a_subclass_are_never_bypassed(wrap):
    found = samples(wrap(Doubled()))
    assert found.stacked(np.array([3, 1])).tolist() == [6, 2]


def test_a_dataset_that_returns_fewer_items_than_requested_is_refused(monkeypatch):
    monkeypatch.setattr(AtOnce, "__getitems__", lambda self, indices: [(0.0, 1)])
    with pytest.raises(ConfigurationError, match="one item per index, 2, got 1"):
        samples(AtOnce()).stacked(np.array([3, 1]))
