"""Features that are kept for all pools of a dataset."""

import copy
import gc
import pickle
import threading
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

import alkit as al
from alkit.pool.kept import _OF_DATASETS, MOST, Kept, Same


def made(calls, width=2):
    def make():
        calls.append(1)
        return np.arange(3), torch.zeros(3, width)

    return make


def test_rows_are_made_once_per_key():
    kept, calls = Kept(), []
    for key in "aba":
        ids, rows = kept.rows(key, made(calls))
    assert len(calls) == 2
    assert (ids.tolist(), rows.shape) == ([0, 1, 2], (3, 2))
    assert kept.nbytes == 2 * 3 * 2 * 4
    assert repr(kept) == "Kept(2 spaces, 0.0 MB)"
    kept.clear()
    assert len(kept) == kept.nbytes == 0


def test_rows_are_made_again_once_the_content_has_changed():
    kept, calls, content = Kept(), [], [1]
    for now in (1, 1, 2, 2):
        content[0] = now
        kept.rows("a", made(calls), None, lambda: content[0])
    assert len(calls) == 2
    reads = iter(range(100))
    for _ in range(3):  # another one each time is chance, not a change
        kept.rows("b", made(calls), None, lambda: next(reads))
    assert len(calls) == 3


def test_rows_of_one_key_may_be_forgotten():
    kept, calls = Kept(), []
    for key in "ab":
        kept.rows(key, made(calls))
    kept.forget("a")
    kept.forget("c")
    for key in "ba":
        kept.rows(key, made(calls))
    assert len(calls) == 3


def test_the_space_that_was_not_used_for_the_longest_time_goes_first():
    kept, calls = Kept(), []
    for key in [*range(MOST), 0, MOST]:
        kept.rows(key, made(calls))
    assert len(kept) == MOST
    kept.rows(0, made(calls))
    assert len(calls) == MOST + 1
    kept.rows(1, made(calls))
    assert len(calls) == MOST + 2


def test_threads_wait_for_the_first_one():
    kept, calls = Kept(), []
    threads = [threading.Thread(target=kept.rows, args=("a", made(calls))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1


def test_all_pools_of_a_dataset_share_it_as_long_as_the_dataset_lives():
    dataset = TensorDataset(torch.zeros(4, 2))
    first, second = al.ActiveLearningDataset(dataset), al.ActiveLearningDataset(dataset)
    assert first.features is second.features
    assert first.features is not al.ActiveLearningDataset(TensorDataset(torch.zeros(4, 2))).features
    key = id(dataset)
    assert key in _OF_DATASETS
    del dataset, first, second
    gc.collect()
    assert key not in _OF_DATASETS


def test_a_list_has_its_own_for_each_pool():
    samples = [torch.zeros(2)] * 4
    pools = al.ActiveLearningDataset(samples), al.ActiveLearningDataset(samples)
    assert pools[0].features is not pools[1].features


def test_a_copy_in_another_process_starts_empty():
    pool = al.ActiveLearningDataset([torch.zeros(2)] * 4)
    pool.features.rows("a", made([]))
    assert copy.copy(pool).features is pool.features
    for other in (copy.deepcopy(pool), pickle.loads(pickle.dumps(pool))):
        assert len(other.features) == 0
        other.features.rows("a", made([]))


class Scale:
    def __init__(self, by):
        self.by = by


def scaling(by, of=1.0):
    return lambda x: x * by / of


def network(seed, layer=nn.ReLU):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(2, 3), layer())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (scaling(2.0), scaling(3.0)),
        (scaling(2.0), scaling(2.0, of=2.0)),
        (scaling(torch.ones(2)), scaling(torch.zeros(2))),
        (Scale(2.0), Scale(3.0)),
        (Scale(torch.ones(3)), Scale(torch.ones(3, dtype=torch.float64))),
        (Scale(torch.ones(3)), Scale(torch.ones(3, dtype=torch.bfloat16))),
        (network(0), network(1)),
        (network(0), network(0, nn.GELU)),
        (partial(max, 1), partial(max, 2)),
        ("ab".upper, "ac".upper),
        (threading.Lock(), threading.Lock()),  # cannot be pickled
    ],
)
def test_an_object_in_a_key_is_another_one_if_anything_in_it_differs(one, other):
    assert Same(one) == Same(one)
    assert Same(one) != Same(other)
    assert len({Same(one), Same(one), Same(other)}) == 2


@pytest.mark.parametrize(
    "make",
    [
        lambda: scaling(2.0),
        lambda: Scale(torch.ones(3)),
        lambda: network(0),
        lambda: partial(max, 1),
        lambda: Scale(2.0).__init__,
        lambda: pickle.loads(pickle.dumps(network(0))),
    ],
)
def test_what_a_factory_makes_anew_for_each_trial_is_the_same_in_a_key(make):
    assert Same(make()) == Same(make())
    assert len({Same(make()), Same(make())}) == 1
