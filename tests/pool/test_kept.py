"""Features that are kept for all pools of a dataset."""

import copy
import gc
import pickle
import threading

import numpy as np
import torch
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


def test_an_object_in_a_key_is_equal_to_itself_alone():
    one, other = [1], [1]
    assert Same(one) == Same(one)
    assert Same(one) != Same(other)
    assert len({Same(one), Same(one), Same(other)}) == 2
