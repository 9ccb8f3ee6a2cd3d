"""What a stream reads: single samples, none of them several times without a warning."""

import warnings

import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from alkit.errors import SelectionWarning
from alkit.loop.sources import arriving

X = torch.arange(12.0).view(6, 2)


class Whole(IterableDataset):
    """Each worker reads all samples."""

    def __init__(self, form=lambda k: (X[k], k)):
        self.form = form

    def __iter__(self):
        return (self.form(k) for k in range(6))


class Shared(Whole):
    """The workers share the samples."""

    def __iter__(self):
        worker = get_worker_info()
        assert worker is not None
        return (self.form(k) for k in range(worker.id, 6, worker.num_workers))


def named(k):
    return {"image": X[k], "name": "same", "more": [X[k], 3]}, k


def items(source):
    return list(arriving(source, lambda item: item[0]))


@pytest.mark.parametrize("form", [lambda k: (X[k], k), lambda k: (str(k), k), named])
def test_workers_that_repeat_each_sample_are_reported(form):
    loader = DataLoader(Whole(form), batch_size=None, num_workers=2)
    with pytest.warns(SelectionWarning, match="first 2 samples are equal: each of the 2 workers"):
        found = items(loader)
    assert [y for _, y in found] == [y for k in range(6) for y in (k, k)]


@pytest.mark.parametrize("form", [lambda k: (X[k], k), named])
def test_workers_that_share_the_samples_are_not(form):
    with warnings.catch_warnings():
        warnings.simplefilter("error", SelectionWarning)
        for workers, kind in ((2, Shared), (1, Whole), (0, Whole)):
            loader = DataLoader(kind(form), batch_size=None, num_workers=workers)
            assert [y for _, y in items(loader)] == list(range(6))
        assert len(items([(X[0], 0), (X[0], 0)])) == 2


def test_labels_are_not_looked_at():
    class Label:
        def __eq__(self, other):
            raise AssertionError("looked at")

    loader = DataLoader(Whole(lambda k: (X[k], Label())), batch_size=None, num_workers=0)
    assert len(items(loader)) == 6
