"""Queries that leave out the samples that cannot be read."""

import multiprocessing
import os
import warnings

import numpy as np
import psutil
import pytest
import torch
from torch.utils.data import Dataset

import alkit as al
from alkit import progress
from alkit.errors import (
    ConfigurationError,
    QuerySizeError,
    SelectionWarning,
    UnreadableSampleError,
)

BROKEN = {3, 17, 40}


class Points(Dataset):
    """Points of the plane, of which some cannot be read; counts what is read."""

    def __init__(self, n=60, broken=BROKEN):
        generator = torch.Generator().manual_seed(0)
        self.x, self.broken, self.reads = torch.randn(n, 2, generator=generator), broken, 0

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        self.reads += 1
        if index in self.broken:
            raise OSError("image file is truncated")
        return self.x[index], index % 3


ASKING = {
    "margin": {},
    "k-center": {"selector": al.KCenter()},
    "uniform": {
        "acquisition": al.Acquisition(al.Random()) if False else None,
        "selector": al.Random(),
    },
    "fixed features": {"selector": al.KCenter(space=al.Inputs())},
    "typiclust": {"selector": al.selectors.TypiClust()},
}


def strategy(data, on_error="skip", names=None, among=None, **options):
    pool = al.ActiveLearningDataset(data, names=names, among=among)
    pool.annotate(range(20, 32))
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.ReLU(), torch.nn.Linear(4, 3))
    options = {name: value for name, value in options.items() if value is not None}
    made = al.Strategy(net, pool, on_error=on_error, batch_size=8, seed=0, **options).build()
    made.fit(2)
    return made


@pytest.mark.parametrize("options", ASKING.values(), ids=ASKING)
def test_the_query_is_that_of_a_pool_without_the_samples_that_cannot_be_read(options):
    asked = strategy(Points(), **options)
    with pytest.warns(SelectionWarning, match="3 samples could not be read"):
        query = asked.query(30)
    others = [index for index in range(60) if index not in BROKEN]
    expected = strategy(Points(broken=()), "raise", among=others, **options).query(30)
    assert query.indices.tolist() == expected.indices.tolist()
    assert query.why == expected.why + (
        "; warning: 3 samples could not be read and had to be left out of the query: "
        "sample 3, sample 17, sample 40"
    )
    assert sorted(asked.unreadable) == sorted(BROKEN)
    assert "sample 17 cannot be read (OSError: image file is truncated)" in asked.unreadable[17]
    assert not BROKEN & set(asked.train_pool.annotated_indices.tolist())
    assert set(asked.train_pool.unannotated_indices.tolist()) >= BROKEN


def test_by_default_it_is_an_error_that_names_the_sample_and_its_file():
    asked = strategy(Points(), "raise", names=[f"img_{k}.png" for k in range(60)])
    before = asked.train_pool.state_dict()
    with pytest.raises(UnreadableSampleError, match=r"sample 3 \('img_3.png'\) cannot be read"):
        asked.query(5)
    assert asked.train_pool.state_dict() == before
    with pytest.raises(ConfigurationError, match='on_error must be "raise", or "skip"'):
        al.Strategy(torch.nn.Linear(2, 3), asked.train_pool, on_error="ignore")


def test_a_loop_continues_and_tries_the_samples_again():
    data = Points(broken=set(BROKEN))
    asked = strategy(data)
    with pytest.warns(SelectionWarning, match="sample 3, sample 17, sample 40"):
        asked.query_and_update(5)
    data.reads = 0
    with pytest.warns(SelectionWarning, match="3 samples could not be read"):
        asked.query_and_update(5)
    candidates = 60 - 12 - 5 - 3
    assert data.reads <= 2 * 3 + candidates + 5 + 5 + 16  # no second scan
    data.broken.discard(17)  # mended
    with pytest.warns(SelectionWarning, match="2 samples could not be read"):
        asked.query(5)
    assert sorted(asked.unreadable) == [3, 40]
    asked.train_pool.exclude([3, 40], "unreadable")
    with warnings.catch_warnings():
        warnings.simplefilter("error", SelectionWarning)
        assert "read" not in asked.query(5).why
    assert asked.unreadable == {}


def test_nothing_changes_where_all_can_be_read():
    queries = [strategy(Points(broken=()), how).query(9) for how in ("raise", "skip")]
    assert np.array_equal(*(query.indices for query in queries))
    assert queries[0].why == queries[1].why


def test_too_few_readable_samples_and_annotated_ones_that_cannot_be_read_are_errors():
    asked = strategy(Points())
    with pytest.raises(QuerySizeError, match=r"46 samples .* only 45 .* could not be read"):
        asked.query(46)
    data = Points(broken=set())
    asked = strategy(data, selector=al.KCenter())  # which compares with the annotated ones
    data.broken = {25}
    with pytest.raises(UnreadableSampleError, match=r"sample 25 cannot.*not left out.*annotated"):
        asked.query(5)
    with pytest.raises(UnreadableSampleError, match="sample 25 cannot be read"):
        asked.fit(2)


def test_within_a_budget_and_for_a_validation_pool_too():
    asked = strategy(Points())
    cost = np.ones(60)
    with pytest.warns(SelectionWarning, match="3 samples could not be read"):
        assert len(asked.query(budget=45, cost=cost)) == 45
    val = al.ActiveLearningDataset(
        Points(40, broken={*range(0, 40, 2)}), names=[f"v{k}" for k in range(40)]
    )
    asked = strategy(Points(broken=()), val_pool=val, val_share=0.5)
    with pytest.warns(SelectionWarning, match="could not be read"):
        query = asked.query_and_update(20)
    assert len(query.validation) == 10
    assert all(index % 2 for index in query.validation)


def test_an_own_query_strategy_that_reads_nothing_gives_readable_samples_too():
    class First(al.Strategy):
        def query_strategy(self, pool, n):
            return pool.unannotated_indices[:n]

    pool = al.ActiveLearningDataset(Points())
    asked = First(torch.nn.Linear(2, 3), pool, on_error="skip", seed=0).build()
    with pytest.warns(SelectionWarning, match="1 sample could not be read .*: sample 3"):
        query = asked.query(6)  # the others are not among the first
    assert query.indices.tolist() == [0, 1, 2, 4, 5, 6]


def test_workers_find_the_same():
    plain, worked = (strategy(Points(), loader=loader) for loader in (None, {"num_workers": 2}))
    queries = []
    for asked in plain, worked:
        with pytest.warns(SelectionWarning, match="3 samples could not be read"):
            queries.append(asked.query(9).indices)
    assert np.array_equal(*queries)
    assert worked.unreadable == plain.unreadable


class ByReading(al.Strategy):
    """Reads all unannotated samples, and asks for the first ones."""

    def query_strategy(self, pool, n):
        list(pool.unannotated)
        return pool.unannotated_indices[:n]


def test_the_error_is_estimated_among_the_samples_that_could_be_read():
    pool = al.ActiveLearningDataset(Points())
    asked = ByReading(torch.nn.Linear(2, 3), pool, on_error="skip", seed=0).build()
    with pytest.warns(SelectionWarning, match="could not be read"):
        assert asked.query(5).indices.tolist() == [0, 1, 2, 4, 5]
    assert asked.monitor.state_dict()["asked"][0]["candidates"] == 57


def test_features_in_a_file_are_kept_for_the_samples_that_can_be_read(tmp_path):
    def cached(data, on_error):
        pool = al.ActiveLearningDataset(data)
        pool.annotate(range(20, 32))
        torch.manual_seed(0)
        net = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.ReLU(), torch.nn.Linear(4, 3))
        net[0].requires_grad_(False)
        path = tmp_path / f"{on_error}.npy"
        options = {"cache_features": path, "on_error": on_error, "batch_size": 8, "seed": 0}
        return al.Strategy(net, pool, **options).build()

    data = Points(100)
    asked, whole = cached(data, "skip"), cached(Points(100, broken=()), "raise")
    for mended in (False, True):
        data.broken = set() if mended else data.broken
        for one in (asked, whole):
            one.fit(2)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", SelectionWarning)
            query = asked.query(9)
        expected = [k for k in whole.query(12).indices.tolist() if mended or k not in BROKEN][:9]
        assert query.indices.tolist() == expected
        assert any("could not be read" in str(one.message) for one in caught) != mended
        for one in (asked, whole):
            one.train_pool.annotate(query.indices)
    assert len(np.load(tmp_path / "skip.npy")) == 100


class Counting(Points):
    """Counts the workers that exist while one reads."""

    def __init__(self, n):
        super().__init__(n)
        self.most = multiprocessing.Value("i", 0)
        self.others = self.children_of(os.getpid())  # of other tests

    def children_of(self, process):
        return {child.pid for child in psutil.Process(process).children()}

    def __getitem__(self, index):
        if torch.utils.data.get_worker_info() is not None:
            workers = self.children_of(os.getppid()) - self.others
            self.most.value = max(self.most.value, len(workers))
        return super().__getitem__(index)


def test_workers_of_the_query_that_failed_end_before_those_of_the_scan_begin():
    data = Counting(200)
    asked = strategy(data, loader={"num_workers": 1})
    with pytest.warns(SelectionWarning, match="3 samples could not be read"):
        asked.query(5)
    assert data.most.value == 1


@pytest.mark.filterwarnings("ignore::alkit.errors.SelectionWarning")
def test_a_scan_shows_a_bar_unless_it_is_switched_off(capsys, monkeypatch):
    val = al.ActiveLearningDataset(Points(40, broken={1}), names=[f"v{k}" for k in range(40)])
    asked = strategy(Points(), val_pool=val)
    monkeypatch.setattr(progress, "DELAY", 0.0)
    capsys.readouterr()
    asked.query(40, progress=False)
    assert not capsys.readouterr().err
    asked.query(40)
    assert "reading: " in capsys.readouterr().err
