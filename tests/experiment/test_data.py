"""The content of a dataset: equal for equal data, another for one changed label or input."""

import numpy as np
import torch
from torch.utils.data import ConcatDataset, Dataset, Subset, TensorDataset

from alkit.experiment.data import MOST, content, contents

X = torch.randn(300, 4, generator=torch.Generator().manual_seed(0))
Y = torch.arange(300) % 7


class Items(Dataset):
    """Items that are counted; labels may also be an attribute, as of torchvision."""

    def __init__(self, x, y, targets=None):
        self.x, self.y, self.reads = x, y, 0
        if targets is not None:
            self.targets = targets

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        self.reads += 1
        return self.x[index], self.y[index]


def test_equal_data_have_equal_content_however_they_are_kept():
    expected = content(TensorDataset(X, Y))
    assert expected["samples"] == 300
    assert content(TensorDataset(X.clone(), Y.clone())) == expected
    assert content(Items(X, Y)) == expected
    assert content(Items(X, Y, targets=Y.tolist())) == expected
    assert content(Subset(TensorDataset(X, Y), range(300))) == expected
    parts = [TensorDataset(X[:100], Y[:100]), Items(X[100:], Y[100:])]
    assert content(ConcatDataset(parts)) == expected


def test_one_changed_label_changes_the_labels_alone():
    expected = content(TensorDataset(X, Y))
    for index in (0, 7, 138, 299):
        y = Y.clone()
        y[index] += 1
        for dataset in (TensorDataset(X, y), Items(X, y), Items(X, y, targets=y)):
            found = content(dataset)
            assert found["labels"] != expected["labels"]
            assert found["inputs"] == expected["inputs"]


def test_targets_at_hand_are_not_read_item_by_item():
    dataset = Items(X, Y, targets=Y.numpy())
    content(dataset)
    assert dataset.reads < 60
    wrong = Items(X, Y + 1, targets=Y)  # of which the items have others
    assert content(wrong)["labels"] == content(TensorDataset(X, Y + 1))["labels"]
    subset = Subset(dataset, range(100, 200))
    assert content(subset)["labels"] == content(TensorDataset(X[100:200], Y[100:200]))["labels"]


def test_of_very_many_items_a_sample_is_read():
    class Many(Dataset):
        reads = 0

        def __len__(self):
            return 10 * MOST

        def __getitem__(self, index):
            self.reads += 1
            return 0, index

    dataset = Many()
    content(dataset)
    assert MOST <= dataset.reads <= MOST + 100


def test_items_without_labels_and_items_that_cannot_be_read_have_a_content():
    assert content(TensorDataset(X))["labels"] != content(TensorDataset(X, Y))["labels"]

    class Broken(Items):
        def __getitem__(self, index):
            if index == 3:
                raise ValueError("damaged")
            return super().__getitem__(index)

    assert content(Broken(X, Y)) == content(Broken(X, Y))


def test_the_global_generator_is_left_alone():
    class Augmented(Items):
        def __getitem__(self, index):
            return self.x[index] + torch.rand(1), self.y[index]

    before = torch.get_rng_state()
    content(Augmented(X, Y))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_dataset_of_several_names_is_read_once():
    dataset = Items(X, Y)
    found = contents({"a": dataset, "b": dataset, "c": TensorDataset(X, Y)})
    assert found["a"] == found["b"] == found["c"]
    assert dataset.reads < 400
    assert np.unique([part["labels"] for part in found.values()]).size == 1
