"""No sample is trained on and validated on."""

import pytest
import torch
from torch.utils.data import Subset, TensorDataset

import alkit as al
from alkit.errors import ConfigurationError

DATA = TensorDataset(torch.rand(30, 2), torch.arange(30) % 2)
NAMES = [f"img_{k}.png" for k in range(30)]
Pool = al.ActiveLearningDataset


def strategy(pool, **given):
    return al.Strategy(torch.nn.Linear(2, 2), pool, seed=0, **given)


def labeled():
    pool = Pool(DATA, among=range(5, 15))
    pool.annotate(range(5, 15))
    return pool


SAME = {
    "two Subsets": (Pool(Subset(DATA, range(20))), Pool(Subset(DATA, range(19, 30)))),
    "a Subset and all": (Pool(Subset(DATA, [3, 7])), Pool(DATA)),
    "Subsets in each other": (Pool(Subset(Subset(DATA, range(10, 20)), [0, 9])), Pool(DATA)),
    "tensors of two datasets": (Pool(DATA), Pool(TensorDataset(*DATA.tensors), among=[4])),
    "one name": (Pool(DATA, names=NAMES), Pool([torch.rand(2)] * 2, names=["x", "img_9.png "])),
    "the dataset itself": (Pool(DATA), DATA),
    "a part of it": (Pool(Subset(DATA, range(9))), Subset(DATA, [20, 8])),
    "a labeled pool of it": (Pool(DATA, among=range(9)), labeled()),
    "a view of it": (Pool(DATA, among=range(9)), labeled().annotated),
}  # fmt: skip


@pytest.mark.parametrize("case", SAME)
def test_data_for_validation_with_samples_of_the_pool_is_refused(case):
    pool, data = SAME[case]
    is_pool = isinstance(data, Pool) and len(data.unannotated_indices)
    argument = "val_pool" if is_pool else "val"
    with pytest.raises(ConfigurationError, match=f"^{argument} has samples of train_pool, such as"):
        strategy(pool, **{argument: data})


def test_other_samples_are_accepted():
    pool = Pool(Subset(DATA, range(10)), names=NAMES[:10])
    strategy(pool, val_pool=Pool(Subset(DATA, range(10, 20)), names=NAMES[10:20]))
    strategy(pool, val_pool=Pool(DATA, among=range(10, 20), names=NAMES))
    strategy(pool, val=Subset(DATA, range(10, 20)))
    strategy(pool, val=TensorDataset(DATA.tensors[0][10:], DATA.tensors[1][10:]))
