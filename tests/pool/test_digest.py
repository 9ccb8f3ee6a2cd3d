import pytest
import torch
from torch.utils.data import TensorDataset

import alkit as al
from alkit.pool import digest

X = torch.randn(30, 2, generator=torch.Generator().manual_seed(0))
Y = torch.arange(30) % 3


def pool(x=X, y=Y, **options):
    return al.ActiveLearningDataset(TensorDataset(x, y), **options)


def test_equal_pools_have_equal_hashes():
    one, other = pool(), pool(X.clone())
    for each in (one, other):
        each.annotate([4, 2])
        each.annotate([7], [1])
        each.exclude([9], "broken")
    assert digest.of_data(one) == digest.of_data(other)
    assert digest.of_annotations(one) == digest.of_annotations(other)


@pytest.mark.parametrize(
    "other",
    [
        pool(X + 1),
        pool(X.flip(0)),
        pool(X[:29], Y[:29]),
        pool(among=range(29)),
        pool(names=[f"{k}" for k in range(30)]),
        pool(classes=["a", "b", "c"]),
    ],
)
def test_pools_of_other_data_have_other_hashes(other):
    assert digest.of_data(other) != digest.of_data(pool())


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (lambda p: p.annotate([5]), "rounds"),
        (lambda p: p.exclude([5], "broken"), "candidates"),
        (lambda p: p.relabel([4], [0]), "labels"),
    ],
)
def test_pools_of_other_annotations_have_other_hashes(change, part):
    one, other = pool(), pool()
    one.annotate([4, 2])
    other.annotate([4, 2])
    change(other)
    assert digest.of_annotations(one)[part] != digest.of_annotations(other)[part]


def test_labels_that_were_not_read_are_not_compared_and_not_read():
    one = pool()
    one.load_state_dict({**pool().state_dict(), "annotated": list(range(20)), "rounds": [0] * 20})
    assert digest.of_annotations(one)["labels"] is None
