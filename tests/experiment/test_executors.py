"""Trials in the workers of executors: the same records, wherever they run."""

import multiprocessing
import os
import pickle
import signal
import threading
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import pytest
import small
import torch
from small import DATA, compare, lasting, margin, uniform

import alkit as al
from alkit.errors import ConfigurationError, FolderError, TrialError
from alkit.experiment.executors import Sent, threads, work
from alkit.experiment.states import StateFiles
from alkit.experiment.trial import Plan, Trial
from alkit.lock import locked

FORK = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks warm workers")


def pool(workers=2):
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("fork"))


@pytest.fixture(scope="module")
def serial():
    return compare()


@FORK
def test_two_processes_give_the_records_of_one(serial, tmp_path):
    with pool() as executor:
        result = compare(executor=executor, folder=tmp_path)
    assert lasting(result.rows) == lasting(serial.rows)
    assert lasting(al.load(tmp_path).rows) == lasting(serial.rows)


@FORK
def test_records_stream_in_while_the_workers_work(tmp_path):
    counts = set()

    def watch():
        while not done.is_set():
            if (tmp_path / "records.csv").exists():
                counts.add(len(al.load(tmp_path).rows))
            time.sleep(0.01)

    done = threading.Event()
    watcher = threading.Thread(target=watch)
    with pool() as executor:
        executor.submit(os.getpid).result()  # forked before there are threads
        executor.submit(os.getpid).result()
        watcher.start()
        result = compare(executor=executor, folder=tmp_path, max_steps=60)
    done.set()
    watcher.join()
    # how many counts are seen depends on the load of the machine; one is enough
    assert any(0 < count < len(result.rows) for count in counts)


def test_processes_that_are_spawned_find_the_factories_by_name(serial):
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as executor:
        result = compare({"margin": margin}, seeds=[3], without="uniform", executor=executor)
    rows = [row for row in serial.rows if (row["strategy"], row["seed"]) == ("margin", 3)]
    assert lasting(result.rows) == lasting(rows)


class Noted(torch.nn.Linear):
    """A layer that writes to a file in which process it was called."""

    path = None

    def forward(self, x):
        with open(self.path, "a") as file:
            file.write(f"{os.getpid()}\n" * len(x))
        return super().forward(x)


def herding(pool, seed):
    encoder = Noted(4, 2, bias=False)
    torch.nn.init.ones_(encoder.weight)
    encoder.path = os.environ["NOTED"]
    selector = al.selectors.MaxHerding(al.selectors.Frozen(encoder))
    return al.Strategy(small.network(), pool, selector=selector, **small.options(seed))


@FORK
def test_a_worker_computes_features_once_for_all_its_trials(tmp_path, monkeypatch):
    monkeypatch.setenv("NOTED", str(tmp_path / "noted.txt"))
    with pool(1) as executor:
        compare({"one": herding, "other": herding}, without=["uniform"], executor=executor)
    (seen,) = Counter((tmp_path / "noted.txt").read_text().split()).values()
    assert seen == len(DATA) + 2  # two of them in another batch, too


def test_a_process_keeps_the_dataset_of_the_last_comparison_alone():
    first, second = Sent([1, 2]), Sent([1, 2])
    copies = [pickle.loads(pickle.dumps(sent)) for sent in (first, first, second)]
    assert copies == [[1, 2]] * 3
    assert copies[0] is copies[1] is not copies[2]
    assert pickle.loads(pickle.dumps(first)) is not copies[0]


def test_threads_give_the_records_of_one(serial):
    with ThreadPoolExecutor(3) as executor:
        assert lasting(compare(executor=executor).rows) == lasting(serial.rows)


def dies_in_the_second_round(pool, seed):
    strategy = margin(pool, seed)
    if seed_dies.exists():
        query = strategy.query_strategy

        def once(*args):
            if pool.next_round == 2 and seed_dies.exists():
                seed_dies.unlink()
                os.kill(os.getpid(), signal.SIGKILL)
            return query(*args)

        strategy.query_strategy = once
    return strategy


@FORK
def test_a_worker_that_is_killed_loses_nothing_that_was_finished(tmp_path, serial):
    global seed_dies
    seed_dies = tmp_path / "die"
    seed_dies.touch()
    arms = {"uniform": uniform, "margin": dies_in_the_second_round}
    with (
        pytest.raises(TrialError, match="of 4 trials failed") as raised,
        pool() as e,
    ):
        compare(arms, executor=e, folder=tmp_path / "out")
    kept = raised.value.result.rows
    assert lasting(al.load(tmp_path / "out").rows) == lasting(kept)
    assert {(row["strategy"], row["round"]) for row in kept} >= {("margin", 0)}
    told = "\n".join(al.load(tmp_path / "out").protocol["failures"])
    assert "margin, seed 3, failed in round 2" in told
    with pool() as executor:
        result = compare(arms, executor=executor, folder=tmp_path / "out")
    assert lasting(result.rows) == lasting(serial.rows)
    assert "failures" not in result.protocol


def fails(pool, seed):
    if seed == small.FAILING:
        raise RuntimeError("no luck today")
    return margin(pool, seed)


@FORK
def test_a_trial_that_fails_is_reported_when_the_others_have_finished(monkeypatch):
    from alkit.seeds import derive

    monkeypatch.setattr(small, "FAILING", derive(4, "strategy"), raising=False)
    told = r"1 of 4 trials failed. margin, seed 4, failed in round 1: RuntimeError: no luck"
    with pytest.raises(TrialError, match=told) as raised, pool() as executor:
        compare({"uniform": uniform, "margin": fails}, executor=executor)
    assert len(raised.value.result.rows) == 9
    assert isinstance(raised.value.__cause__, RuntimeError)


def test_a_factory_that_cannot_be_sent_is_named_before_any_training():
    with (
        pool() as executor,
        pytest.raises(ConfigurationError, match=r"factory of 'margin'.*module"),
    ):
        compare(
            {"margin": lambda pool, seed: margin(pool, seed)}, executor=executor, without="uniform"
        )


def test_what_is_no_executor_is_said():
    with pytest.raises(ConfigurationError, match="'dask'"):
        compare(executor="dask")


def test_a_worker_has_so_many_torch_threads_and_gives_them_back():
    before = torch.get_num_threads()
    with threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


def test_two_workers_do_not_write_one_trial(tmp_path):
    trial = Trial("m", 0, margin, DATA, Plan(1, 4, 4, 1))
    files = StateFiles(tmp_path)
    with locked(tmp_path), pytest.raises(FolderError, match="another run"):
        work(trial, files, 1, os.getpid())
