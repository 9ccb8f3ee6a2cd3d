import copy
import multiprocessing
import os
import pickle
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from alkit.errors import FolderError, LedgerError
from alkit.pool import Ledger
from alkit.pool.ledger import Entry

ROOT = Path(__file__).parents[3]

# a small start: the package of the ledger alone, without torch
START = """
import importlib.machinery, sys, types
root = sys.argv[1]
for name in ("alkit", "alkit.pool"):
    package = types.ModuleType(name)
    package.__path__ = [f"{root}/{name.replace('.', '/')}"]
    sys.modules[name] = package
labels = types.ModuleType("alkit.pool.labels")
labels.plain = lambda value: value
sys.modules["alkit.pool.labels"] = labels
from alkit.pool.ledger import Entry, Ledger
"""

STREAM = (
    START
    + """
ledger, name = Ledger(sys.argv[2]), sys.argv[3]
print("open", flush=True)
for k in range(int(sys.argv[4])):
    ledger.add([Entry(f"{name}{k}", label=k, who=name)])
    print(k, flush=True)
"""
)


def stream(path, name, number=10**6):
    command = [sys.executable, "-c", STREAM, str(ROOT), str(path), name, str(number)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_50_kills_at_random_moments_lose_no_acknowledged_label(tmp_path):
    path, draw, acknowledged = tmp_path / "labels.db", random.Random(0), {}
    for number in range(25):
        workers = [stream(path, f"w{number}-{part}-") for part in range(2)]
        try:
            for worker in workers:
                assert worker.stdout.readline() == "open\n"
            for part, worker in enumerate(workers):
                time.sleep(draw.uniform(0, 0.05))
                os.kill(worker.pid, signal.SIGKILL)
                lines = worker.stdout.read().splitlines()
                acknowledged[f"w{number}-{part}-"] = int(lines[-1]) if lines else -1
        finally:
            for worker in workers:
                worker.kill()
                worker.wait()
                worker.stdout.close()
    ledger = Ledger(path)
    current = ledger.current()
    for name, last in acknowledged.items():
        labels = [entry.label for entry in current.values() if entry.who == name]
        assert labels == list(range(len(labels)))  # a prefix, in order, and none twice
        assert last < len(labels) <= last + 2  # the last one may not have been acknowledged
    assert sum(last > 0 for last in acknowledged.values()) > 25
    assert len(ledger) == len(current)


def test_a_log_that_is_cut_anywhere_keeps_every_label_that_was_written_before_the_cut(tmp_path):
    ledger, log, draw = Ledger(tmp_path / "labels.db"), tmp_path / "labels.db-wal", random.Random(0)
    ends = []
    for k in range(120):
        ledger.add([Entry(f"s{k}", label=k)])
        ends.append(log.stat().st_size)
    assert ends == sorted(set(ends))
    for number in range(50):
        folder = tmp_path / f"cut{number}"
        folder.mkdir()
        for name in ("labels.db", "labels.db-wal"):
            shutil.copy(tmp_path / name, folder / name)
        cut = draw.randrange(ends[0], ends[-1] + 1)
        os.truncate(folder / "labels.db-wal", cut)
        with Ledger(folder / "labels.db") as left:
            labels = [entry.label for entry in left.entries()]
            assert labels == list(range(sum(end <= cut for end in ends)))
            left.add([Entry("more", label=0)])


def test_two_processes_write_at_once_and_nothing_is_lost(tmp_path):
    path = tmp_path / "labels.db"  # which both of them create
    workers = [stream(path, name, 300) for name in "ab"]
    for worker in workers:
        assert worker.communicate(timeout=100)[0].count("\n") == 301
    entries = Ledger(path).entries()
    for name in "ab":
        assert [e.label for e in entries if e.who == name] == list(range(300))
    assert len({entry.seq for entry in entries}) == 600


@contextmanager
def forked(number):
    """Forked workers that end by themselves: a handler of this process may ignore SIGTERM."""
    with multiprocessing.get_context("fork").Pool(number) as workers:
        yield workers
        workers.close()
        workers.join()


def test_a_sample_is_answered_once_whoever_comes_first(tmp_path):
    with forked(2) as workers:
        got = workers.map(_answer_all, [(tmp_path / "labels.db", who) for who in ("Ann", "Bob")])
    assert sum(got) == 60
    assert len(Ledger(tmp_path / "labels.db").entries()) == 60


def test_many_processes_create_one_file_at_the_same_moment(tmp_path):
    with forked(4) as workers:
        for number in range(60):
            job = (tmp_path / f"{number}.db", time.time() + 0.01)
            assert workers.map(_open_at, [job] * 4, chunksize=1) == ["names"] * 4


def _open_at(job):
    path, moment = job
    while time.time() < moment:
        pass
    return Ledger(path).agree("samples", "names")


def _answer_all(job):
    path, who = job
    ledger, taken = Ledger(path, who), 0
    for k in range(60):
        try:
            ledger.add([Entry(f"s{k}", label=k)], once="sample")
            taken += 1
        except ValueError:
            continue
    return taken


def test_the_file_is_in_wal_mode_and_every_commit_is_synced():
    store = Ledger("labels.db")._store
    with store.reading() as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


def test_a_full_disk_loses_nothing_that_was_acknowledged():
    ledger = Ledger("labels.db")
    with ledger._store.reading() as db:
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count = {pages + 2}")  # SQLite's own full disk
    taken = []

    def stream():
        for k in range(1000):
            taken.extend(ledger.add([Entry(f"s{k}", label=k)]))

    with pytest.raises(LedgerError, match=r"full.*acknowledged is kept.* Free up disk space"):
        stream()
    assert taken
    ledger.close()
    with Ledger("labels.db") as again:
        assert [entry.label for entry in again.entries()] == list(range(len(taken)))
        again.add([Entry("more", label=0)])


def test_a_ledger_that_another_process_holds_is_reported(monkeypatch):
    Ledger("labels.db").close()
    monkeypatch.setattr("alkit.pool.ledger.store.PATIENCE", 0.1)
    ledger, other = Ledger("labels.db"), sqlite3.connect("labels.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerError, match=r"locked.*Another process holds it"):
        ledger.add([Entry("a", label=1)])
    other.execute("ROLLBACK")
    other.close()
    ledger.add([Entry("a", label=1)])


def test_copies_and_forks_have_their_own_connection():
    ledger = Ledger("labels.db", who="Ann")
    for other in (copy.deepcopy(ledger), pickle.loads(pickle.dumps(ledger))):
        other.add([Entry("a", label=1)])
        assert other._store._db is not ledger._store._db
    child = multiprocessing.get_context("fork").Process(
        target=lambda: ledger.add([Entry("b", label=2)])
    )
    child.start()
    child.join()
    assert child.exitcode == 0
    assert [entry.sample for entry in ledger.entries()] == ["a", "a", "b"]


def test_the_path_is_that_at_the_start_and_a_missing_folder_is_created(tmp_path, monkeypatch):
    ledger = Ledger("new/folder/labels.db")
    monkeypatch.chdir(tmp_path / "new")
    ledger.close()
    ledger.add([Entry("a", label=1)])
    assert len(Ledger(tmp_path / "new/folder/labels.db")) == 1


def test_a_path_that_cannot_be_a_file_is_reported(tmp_path):
    with pytest.raises(LedgerError, match="unable to open"):
        Ledger(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(FolderError, match="cannot be written"):
        Ledger(tmp_path / "file" / "labels.db")


def test_a_transaction_that_is_interrupted_is_undone():
    ledger = Ledger("labels.db")

    def interrupted():
        with ledger._store.transaction() as db:
            db.execute("INSERT INTO fact VALUES ('a', 'b')")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert ledger.agree("a", "c") == "c"
