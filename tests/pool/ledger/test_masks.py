"""Masks are stored as run lengths, and read as they were."""

import sqlite3

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from alkit.pool.ledger import Entry, Ledger
from alkit.pool.ledger.masks import packed, unpacked


@given(
    arrays(np.int64, st.tuples(st.integers(0, 4), st.integers(0, 9)), elements=st.integers(-2, 1))
)
def test_any_mask_comes_back(mask):
    assert unpacked(packed(mask.tolist())) == mask.tolist()


@pytest.mark.parametrize(
    "label",
    [3, "cat", [0, 0, 0, 0, 0], [[0.0, 0.0, 0.0, 0.0]], [[1, 2], [3, 4]], {"shape": [1]}, [], [[]],
     [[True] * 9]],
)  # fmt: skip
def test_other_labels_stay(label):
    assert packed(label) is label
    assert unpacked(label) is label


def test_a_mask_of_128_by_128_takes_a_fraction_of_its_pixels(tmp_path):
    mask = torch.zeros(128, 128).long()
    mask[30:60, 20:90], mask[70:110, 64:100] = 1, 2
    ledger = Ledger(tmp_path / "labels.db")
    (entry,) = ledger.add([Entry("a", label=mask)])
    assert entry.label == mask.tolist()
    assert next(iter(ledger.entries())).label == mask.tolist()
    assert ledger.add([entry]) == []  # known already
    with sqlite3.connect(tmp_path / "labels.db") as db:
        (size,) = db.execute("SELECT length(label) FROM entry").fetchone()
    assert size < 128 * 128 / 8  # 281 runs, in 2 kB; as lists, 49 kB
