from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset

import alkit as al
from alkit.errors import ConfigurationError

X, Y = torch.rand(5, 3), torch.arange(5)
DATA = TensorDataset(X, Y)


class Stream(IterableDataset):
    def __iter__(self):
        return iter(range(5))


class StreamWithLength(Stream):
    def __len__(self):
        return 5


class WithoutLength(Dataset):
    def __getitem__(self, index):
        return index


REFUSED = {
    "folder": ("images/", "ImageFolder"),
    "file": ("data.csv", "Dataset that reads"),
    "path": (Path("images"), "ImageFolder"),
    "bytes": (b"data.csv", "Dataset that reads"),
    "pair of tensors": ((X, Y), r"TensorDataset\(X, y\)"),
    "list of two tensors": ([X, Y], r"TensorDataset\(X, y\)"),
    "pair of arrays": ((X.numpy(), Y.numpy()), "TensorDataset"),
    "pair of vectors": ((X[:, 0], Y), "TensorDataset"),
    "tensor and list": ((X, Y.tolist()), "TensorDataset"),
    "pair of lists": ((X.tolist(), Y.tolist()), "TensorDataset"),
    "array and series": ((X.numpy(), pd.Series(Y.numpy())), "TensorDataset"),
    "three tensors": ((X, Y, Y), "TensorDataset"),
    "pool": (al.ActiveLearningDataset(DATA), "pool already"),
    "part of a pool": (Subset(al.ActiveLearningDataset(DATA), [0, 1]), "pool already"),
    "stream": (Stream(), r"list\(dataset\)"),
    "stream with a length": (StreamWithLength(), r"list\(dataset\)"),
    "frame": (pd.DataFrame({"x": [1.0, 2.0]}), r"TensorDataset\(X, y\)"),
    "series": (pd.Series([1.0, 2.0]), "rows"),
    "dict of columns": ({"x": X, "y": Y}, "TensorDataset"),
    "set": ({1, 2}, "list of dict items"),
    "loader": (DataLoader(DATA), "loader.dataset"),
    "network": (nn.Sequential(nn.Linear(3, 2)), "the dataset comes first"),
    "class": (TensorDataset, "create an object"),
    "number": (7, r"got 7 \(int\)"),
    "None": (None, "NoneType"),
    "iterator": (iter([1]), r"list\(...\)"),
    "without a length": (WithoutLength(), "WithoutLength"),
    "number as array": (np.array(3), "with a length"),
    "number as tensor": (torch.tensor(3), "with a length"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_a_map_style_dataset_is_refused_with_what_to_use(name):
    dataset, says = REFUSED[name]
    with pytest.raises(ConfigurationError, match=says):
        al.ActiveLearningDataset(dataset)


@pytest.mark.parametrize(
    "dataset",
    [
        DATA,
        X,
        X.numpy(),
        list(X),
        [X[0], X[1]],
        [(X[0], 0), (X[1], 1)],
        ((X[0], 0), (X[1], 1)),
        ((X[0], X[1]), (X[2], X[3])),
        [torch.zeros(3, 4), torch.ones(3, 4)],
        [[1, 2], [3, 4]],
        ["a text", "another"],
        [{"x": 1, "label": 0}, {"x": 2, "label": 1}],
        range(5),
        Subset(DATA, [1, 2]),
        [7],
    ],
    ids=lambda dataset: str(dataset)[:20],
)
def test_lists_arrays_and_datasets_are_fine(dataset):
    pool = al.ActiveLearningDataset(dataset)
    assert len(pool) == len(dataset)
    pool[0]


@pytest.mark.parametrize("name", ["transform", "scoring_transform"])
def test_a_transform_is_a_function(name):
    with pytest.raises(ConfigurationError, match=f"{name} must be a function of an input, got 'fl"):
        al.ActiveLearningDataset(DATA, **{name: "flip"})


@pytest.mark.parametrize("name", ["loader", "pair of tensors", "folder", "stream with a length"])
def test_test_data_are_a_dataset_too(name):
    dataset, says = REFUSED[name]
    pool = al.ActiveLearningDataset(DATA)
    with pytest.raises(ConfigurationError, match=f"test= needs a map-style dataset.*{says}"):
        al.Strategy(al.MultiLayerPerceptron(3, [4], 5), pool, test=dataset)
