"""Batches: even ones, for any length of epoch; ids beside inputs; no global random numbers."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import BatchSampler, RandomSampler, SequentialSampler, TensorDataset

import alkit as al
from alkit.strategies.loading import EvenBatches, eval_loader, scoring_loader, train_loader


def order(n, seed=0):
    return RandomSampler(range(n), generator=torch.Generator().manual_seed(seed))


@given(n=st.integers(1, 60), size=st.integers(1, 20), drop=st.booleans())
def test_batches_are_even_and_hold_each_sample_once(n, size, drop):
    batches = EvenBatches(order(n), size, drop)
    came = list(batches)
    drops = drop and n >= size
    assert len(came) == len(batches) == (n // size if drops else math.ceil(n / size))
    lengths = [len(batch) for batch in came]
    assert max(lengths) <= size
    assert max(lengths) - min(lengths) <= 1
    flat = sorted(index for batch in came for index in batch)
    assert len(set(flat)) == len(flat)
    assert len(flat) == (n - n % size if drops else n)
    if n > 1 and size > 2:
        assert min(lengths) > 1  # BatchNorm cannot train on one


@given(n=st.integers(1, 40), size=st.integers(1, 10), length=st.integers(1, 12))
def test_an_epoch_of_any_length_goes_on_where_the_last_one_stopped(n, size, length):
    per_pass = math.ceil(n / size)
    batches = EvenBatches(order(n), size, length=length)
    assert len(batches) == length
    epochs = 2 * per_pass
    came = [batch for _ in range(epochs) for batch in batches]
    passes = EvenBatches(order(n), size)
    expected = [batch for _ in range(2 * length) for batch in passes]
    assert came == expected


def test_full_batches_are_those_of_torch():
    ours = EvenBatches(SequentialSampler(range(24)), 8)
    assert list(ours) == list(BatchSampler(SequentialSampler(range(24)), 8, drop_last=False))


def test_an_iterator_that_is_not_used_draws_nothing():
    used, spoiled = EvenBatches(order(20), 4), EvenBatches(order(20), 4)
    iter(spoiled)
    assert list(used) == list(spoiled)


def test_loaders_leave_the_global_random_state_alone_and_carry_options():
    data = TensorDataset(torch.arange(10.0), torch.arange(10))
    view = al.ActiveLearningDataset(data).unannotated
    before = torch.get_rng_state()
    for _ in range(2):
        batches = list(train_loader(data, 4, order(10), drop_last=True))
        assert [len(x) for x, _ in batches] == [4, 4]
        assert [len(x) for x, _ in eval_loader(data, 4, drop_last=True)] == [4, 4, 2]
        list(scoring_loader(view, 4))
    assert torch.equal(torch.get_rng_state(), before)
    with pytest.raises(ValueError, match="num_workers"):
        eval_loader(data, 4, num_workers=-1)


def test_ids_stand_beside_the_inputs_and_a_collate_function_sees_inputs_alone():
    data = TensorDataset(torch.arange(10.0)[:, None], torch.arange(10))
    pool = al.ActiveLearningDataset(data)
    pool.annotate([0, 3, 4])
    (first, second) = scoring_loader(pool.unannotated, 5)
    assert first[0].tolist() == [1, 2, 5, 6, 7]
    assert first[1].flatten().tolist() == [1, 2, 5, 6, 7]
    assert second[0].tolist() == [8, 9]
    ((ids, total),) = scoring_loader(pool.unannotated, 9, collate_fn=lambda xs: float(sum(xs)))
    assert ids.tolist() == pool.unannotated_indices.tolist()
    assert total == np.sum(ids.tolist())
