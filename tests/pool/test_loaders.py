"""Batches: evenly sized, for any epoch length; ids with inputs; no global random numbers."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import (
    BatchSampler,
    Dataset,
    RandomSampler,
    SequentialSampler,
    TensorDataset,
    default_collate,
)

import alkit as al
from alkit.errors import AnnotationError
from alkit.pool.loaders import EvenBatches, eval_loader, scoring_loader, train_loader


def order(n, seed=0):
    return RandomSampler(range(n), generator=torch.Generator().manual_seed(seed))


@given(n=st.integers(1, 60), size=st.integers(1, 20), drop=st.booleans())
def test_batches_are_even_and_contain_each_sample_once(n, size, drop):
    batches = EvenBatches(order(n), size, drop)
    came = list(batches)
    drops = drop and n >= size
    assert len(came) == len(batches) == (n // size if drops else math.ceil(n / size))
    lengths = [len(batch) for batch in came]
    assert lengths == [batches.size(k) for k in range(len(batches))]
    assert max(lengths) <= size
    assert max(lengths) - min(lengths) <= 1
    flat = sorted(index for batch in came for index in batch)
    assert len(set(flat)) == len(flat)
    assert len(flat) == (n - n % size if drops else n)
    if n > 1 and size > 2:
        assert min(lengths) > 1  # BatchNorm cannot train on one


@given(n=st.integers(1, 40), size=st.integers(1, 10), length=st.integers(1, 12))
def test_an_epoch_of_any_length_continues_where_the_last_one_stopped(n, size, length):
    per_pass = math.ceil(n / size)
    batches = EvenBatches(order(n), size, length=length)
    assert len(batches) == length
    epochs = 2 * per_pass
    came = [batch for _ in range(epochs) for batch in batches]
    passes = EvenBatches(order(n), size)
    expected = [batch for _ in range(2 * length) for batch in passes]
    assert came == expected
    assert [len(batch) for batch in came] == [batches.size(k) for k in range(len(came))]


def test_full_batches_are_the_batches_of_torch():
    ours = EvenBatches(SequentialSampler(range(24)), 8)
    assert list(ours) == list(BatchSampler(SequentialSampler(range(24)), 8, drop_last=False))


def test_an_iterator_that_is_not_used_draws_nothing():
    used, spoiled = EvenBatches(order(20), 4), EvenBatches(order(20), 4)
    iter(spoiled)
    assert list(used) == list(spoiled)


def test_loaders_leave_the_global_random_state_alone_and_pass_options_on():
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


def test_ids_accompany_the_inputs_and_a_collate_function_sees_only_inputs():
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


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("outside", [True, False])
@pytest.mark.parametrize("transform", [None, lambda x: x + 1])
def test_whole_batches_of_tensors_equal_collated_single_items(layout, outside, transform):
    x = torch.rand(40, 2, 3, 4).to(memory_format=layout)
    pool = al.ActiveLearningDataset(TensorDataset(x, torch.arange(40) % 3), transform=transform)
    pool.annotate(range(10, 25))
    if outside:
        pool.relabel([12], [2])
    for view in pool.annotated, pool.unannotated:
        ids = order(len(view))
        came = list(train_loader(view, 6, ids))
        order_again = EvenBatches(order(len(view)), 6)
        expected = [default_collate([view[k] for k in batch]) for batch in order_again]
        assert len(came) == len(expected)
        for ours, theirs in zip(came, expected, strict=True):
            assert type(ours) is type(theirs)
            pairs = [(ours, theirs)] if torch.is_tensor(ours) else zip(ours, theirs, strict=True)
            for a, b in pairs:
                assert torch.equal(a, b)
                assert a.dtype == b.dtype
                assert a.stride() == b.stride()


def test_tensors_are_read_at_once_only_if_nothing_is_lost():
    data = TensorDataset(torch.rand(9, 2), torch.arange(9))
    pool = al.ActiveLearningDataset(data)
    pool.annotate([1, 5, 7])
    view = pool.annotated
    x, y = view.stacked([2, 0])
    assert torch.equal(x, data.tensors[0][[7, 1]])
    assert y.tolist() == [7, 1]
    assert torch.equal(pool.unannotated.stacked([0]), data.tensors[0][:1])
    pool.undo()
    with pytest.raises(AnnotationError, match="no longer annotated"):
        list(train_loader(view, 2, order(3)))
    for other in [(1.0, 2)] * 3, Padded(torch.rand(3, 2), torch.arange(3)):
        view = al.ActiveLearningDataset(other).unannotated
        assert torch.equal(view.stacked([0, 1]), default_collate([view[0], view[1]]))


@pytest.mark.parametrize("labels", [False, True])
def test_dicts_are_collated_as_a_loader_collates_them(labels):
    data = [{"x": torch.full((2,), float(k)), "name": str(k), "label": k % 2} for k in range(5)]
    pool = al.ActiveLearningDataset(data, cache=True)
    pool.annotate([0, 1, 3])
    view = pool.annotated if labels else pool.unannotated
    came, expected = view.stacked([1, 0]), default_collate([view[1], view[0]])
    assert torch.equal(came.pop("x"), expected.pop("x"))
    labels = came.pop("label", torch.empty(0)).tolist(), expected.pop("label", torch.empty(0))
    assert labels[0] == labels[1].tolist()
    assert came == expected


def test_cached_tensors_are_read_once_and_all_together():
    read = []

    class Items(Dataset):
        def __len__(self):
            return 6

        def __getitem__(self, index):
            read.append(index)
            return torch.full((2,), float(index)), index

    pool = al.ActiveLearningDataset(Items(), cache=True)
    pool.annotate([1, 3, 5])
    assert [part.tolist() for part in pool.annotated.stacked([1, 0])] == [[[3, 3], [1, 1]], [3, 1]]
    batch = pool.unannotated.stacked([0, 1])
    batch += 1  # the cache has its own
    assert pool.unannotated.stacked([1, 0]).tolist() == [[2, 2], [0, 0]]
    assert sorted(read) == [0, 1, 2, 3, 5]
    words = al.ActiveLearningDataset([("a", 0)] * 3, cache=True)
    assert words.unannotated.stacked([0]) == ["a"]


@pytest.mark.parametrize("cache", [False, True])
@pytest.mark.parametrize("collate", [None, lambda items: torch.stack(items) + 1])
def test_scoring_loads_each_input_with_its_index(cache, collate):
    items = [(torch.full((2,), float(k)), k) for k in range(9)]
    pool = al.ActiveLearningDataset(items, cache=cache)
    pool.annotate([1, 3])
    view = pool.view([8, 0, 5, 7, 2], labels=False)
    for _ in range(2):
        for ids, batch in scoring_loader(view, 2, collate_fn=collate):
            assert (batch[:, 0] - int(collate is not None)).tolist() == ids.tolist()
        ids = torch.cat([ids for ids, _ in scoring_loader(view, 2, collate_fn=collate)])
        assert ids.tolist() == [8, 0, 5, 7, 2]


class Padded(TensorDataset):
    """Dataset whose items are not the rows of its tensors."""

    def __getitem__(self, index):
        x, y = super().__getitem__(index)
        return torch.nn.functional.pad(x, (1, 1)), y


def test_a_collate_function_of_the_users_sees_items():
    pool = al.ActiveLearningDataset(TensorDataset(torch.rand(6, 2), torch.arange(6)))
    pool.annotate(range(4))
    (batch,) = train_loader(pool.annotated, 4, order(4), collate_fn=list)
    assert len(batch) == 4
    assert isinstance(batch[0], tuple)
