import random

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset, TensorDataset

from alkit.pool.fingerprint import fingerprint


class Poison:
    def _raise(self, *_):
        raise RuntimeError("a hidden label was used")

    __getattribute__ = __eq__ = __hash__ = __bool__ = __repr__ = __array__ = _raise
    __reduce_ex__ = __deepcopy__ = __len__ = __iter__ = __float__ = __int__ = _raise


class Items(Dataset):
    def __init__(self, read, length=40):
        self.read, self.length, self.reads = read, length, []

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        self.reads.append(index)
        return self.read(index)


FORMS = {
    "tensors": lambda k, c: torch.full((3, 2), float(c * (k + 1))),
    "tensors of half precision": lambda k, c: torch.full((3,), c * (k + 1), dtype=torch.bfloat16),
    "arrays": lambda k, c: np.arange(3, dtype=np.uint8) * c + k,
    "images": lambda k, c: Image.fromarray(np.full((4, 4, 3), k * c + 1, dtype=np.uint8)),
    "texts": lambda k, c: f"text {k * c}",
    "numbers": lambda k, c: k * c,
    "dicts": lambda k, c: {"ids": torch.tensor([k, c]), "text": "a"},
    "nested": lambda k, c: {"a": [torch.tensor(k), (c, None)]},
}


@pytest.mark.parametrize("form", FORMS)
def test_other_inputs_or_another_length_have_another_fingerprint(form):
    def of(factor, length=40):
        return fingerprint(Items(lambda k: FORMS[form](k, factor), length), label_key=None)

    assert of(1) == of(1)
    assert of(1).startswith("inputs:")
    assert len({of(1), of(2), of(1, 41), of(1, 1)}) == 4


def test_a_form_that_holds_the_same_numbers_is_another_dataset():
    x = torch.arange(12.0)
    forms = [x.reshape(4, 3), x.reshape(4, 1, 3), x.double().reshape(4, 3), x.reshape(4, 3).numpy()]
    assert len({fingerprint(form) for form in forms}) == 4
    assert fingerprint([("ab", 0), ("c", 0)]) != fingerprint([("a", 0), ("bc", 0)])


def test_labels_are_not_looked_at():
    x = torch.arange(40.0)
    labels = [TensorDataset(x, torch.full((40,), c)) for c in (0, 1)]
    poisoned = Items(lambda k: (x[k], Poison()))
    assert fingerprint(labels[0]) == fingerprint(labels[1]) == fingerprint(poisoned)
    dicts = [Items(lambda k, y=y: {"x": x[k], "label": y}) for y in (0, 1, Poison())]
    assert len({fingerprint(data) for data in dicts}) == 1
    assert fingerprint(dicts[0], label_key=None) != fingerprint(dicts[1], label_key=None)


def test_names_are_all_covered_and_no_item_is_read():
    data = Items(lambda k: 1 / 0, 3)
    names = ["a", "b", "c"]
    assert fingerprint(data, names) == fingerprint(data, np.array(names).tolist())
    others = (["a", "b", "d"], ["a", "c", "b"], ["ab", "", "c"], ["a\udcff", "b", "c"])
    assert len({fingerprint(data, each) for each in (names, *others)}) == 5
    assert not data.reads


def test_few_items_are_read_each_twice_from_all_of_the_dataset():
    data = Items(float, 1_000_000)
    fingerprint(data)
    assert len(data.reads) == 32
    assert {0, 999_999} <= set(data.reads)
    assert data.reads[:16] == data.reads[16:]


def test_augmentation_has_no_effect_and_the_global_generators_are_left_alone():
    def augmented(k):
        return k + random.random() + np.random.rand() + torch.rand(()).item()  # noqa: NPY002

    def state():
        return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # noqa: NPY002

    before = state()
    first = fingerprint(Items(augmented))
    assert state() == before
    torch.rand(3)
    assert fingerprint(Items(augmented)) == first
    assert fingerprint(Items(lambda k: augmented(k) + 1)) != first


def test_inputs_that_never_read_the_same_or_cannot_be_read_leave_the_length():
    rng = np.random.default_rng(0)
    coins = [Items(lambda k: k * (rng.random() < 0.5)) for _ in range(2)]
    assert fingerprint(coins[0]) == fingerprint(coins[1]) == fingerprint(Items(lambda k: 1 / 0))
    assert fingerprint(coins[0]).startswith("length:")
    assert fingerprint(coins[0]) != fingerprint(Items(lambda k: 1 / 0, 41))


def test_a_large_array_is_hashed_in_part_but_from_everywhere():
    x = torch.zeros(1, 2**22)
    same = fingerprint(x)
    x[0, -(2**22 // 2) :] = 1
    assert fingerprint(x) != same
