"""Comparisons that are killed, by real signals in real processes, and go on."""

import json
import os
import random
import signal
import time

import pytest
import torch
from small import TEST, compare, lasting, margin, network, options, uniform

import alkit as al

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes")


def in_a_child(do):
    """The number of a forked process that does this; it starts warm, torch being loaded."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        do()
        status = 0
    finally:
        os._exit(status)


def end_of(child):
    """How a child ended: minus the signal that killed it, or its exit status."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def auto(pool, seed):
    """It chooses by what its monitor remembers, so that the memory must survive as well."""
    return al.auto(network(), pool, **options(seed))


def held_out(pool, seed):
    validation = al.ActiveLearningDataset(TEST)
    criterion = al.criteria.Tempered(al.Entropy())
    return al.Strategy(
        network(), pool, criterion, val_pool=validation, val_share=0.5, **options(seed)
    )


ARMS = {"uniform": uniform, "margin": margin, "auto": auto, "held out": held_out}


def run(folder, **changes):
    return compare(ARMS, folder=folder, seeds=[3, 4], rounds=4, **changes)


@pytest.fixture(scope="module")
def uninterrupted():
    return run(None)


@pytest.fixture(scope="module")
def warm():
    return run(None, warm_start=True)


def test_killed_at_twenty_random_moments_it_ends_in_the_same_records(tmp_path, uninterrupted):
    rng = random.Random(0)
    kills = folders = resumed = 0
    while kills < 20 or resumed < 3:
        folder = tmp_path / str(folders)
        interrupted = 0
        while True:
            child = in_a_child(lambda folder=folder: run(folder))
            time.sleep(rng.uniform(0, 0.6))
            os.kill(child, signal.SIGKILL)
            if end_of(child) == 0:
                break
            kills += 1
            interrupted += 1
            if interrupted == 12:
                assert end_of(in_a_child(lambda folder=folder: run(folder))) == 0
                break
        folders += 1
        resumed += interrupted > 0
        loaded = al.load(folder)
        assert lasting(loaded.rows) == lasting(uninterrupted.rows)


def killed_at(n):
    """Have this process killed at the n-th of the system calls that write a file."""
    left = [n]

    def counted(call):
        def counting(*args, **kwargs):
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **kwargs)

        return counting

    for name in ("fsync", "replace", "unlink"):
        setattr(os, name, counted(getattr(os, name)))


def test_killed_at_every_moment_of_the_writing_of_a_state_it_goes_on(tmp_path):
    def one(folder):
        options = {"seeds": [3], "rounds": 2, "warm_start": True, "without": "uniform"}
        return compare({"margin": margin}, folder=folder, **options)

    expected = lasting(one(None).rows)
    for n in range(1, 100):
        folder = tmp_path / str(n)

        def interrupted(folder=folder, n=n):
            killed_at(n)
            one(folder)

        if end_of(in_a_child(interrupted)) == 0:
            break
        assert lasting(one(folder).rows) == expected
        assert not list(folder.rglob("*.part"))
    assert n > 20  # of a state and its weights, three times, and of the protocol and the records


def test_a_half_written_state_is_as_if_it_had_not_been_begun(tmp_path, uninterrupted):
    state = tmp_path / "trials" / "margin-3" / "state.json"

    def halfway():
        write = open

        def cut(path, mode="r", *args, **kwargs):
            file = write(path, mode, *args, **kwargs)
            if state.exists() and str(path).endswith(".state.json.part") and "w" in mode:
                file.write(b'{"state": {"rows"')
                file.flush()
                os.kill(os.getpid(), signal.SIGKILL)
            return file

        __builtins__["open"] = cut
        run(tmp_path)

    assert end_of(in_a_child(halfway)) == -signal.SIGKILL
    assert (state.parent / ".state.json.part").exists()
    assert lasting(run(tmp_path).rows) == lasting(uninterrupted.rows)


def test_a_warm_start_goes_on_from_the_weights_that_it_had(tmp_path, warm, uninterrupted):
    assert lasting(warm.rows) != lasting(uninterrupted.rows)
    folder = tmp_path / "a"
    for _ in range(5):
        child = in_a_child(lambda: run(folder, warm_start=True))
        time.sleep(0.3)
        os.kill(child, signal.SIGKILL)
        end_of(child)
    assert lasting(run(folder, warm_start=True).rows) == lasting(warm.rows)


def test_a_network_that_was_drawn_before_is_that_of_the_first_start(tmp_path):
    """Where the weights are not made of the seed, the state has them."""

    def start(folder, draw):
        torch.manual_seed(draw)
        drawn = network().build()

        def ready_made(pool, seed):
            return al.Strategy(drawn, pool, al.Margin(), **options(seed))

        arms = {"ready made": ready_made}
        return compare(arms, folder=folder, seeds=[0], rounds=9, query_size=4, without="uniform")

    with torch.random.fork_rng():
        whole = start(None, 0)
        assert lasting(start(None, 1).rows) != lasting(whole.rows)
        child = in_a_child(lambda: start(tmp_path, 0))
        while not list(tmp_path.glob("records.csv")) or len(al.load(tmp_path).rows) < 2:
            time.sleep(0.002)
        os.kill(child, signal.SIGKILL)
        assert end_of(child) == -signal.SIGKILL
        assert lasting(start(tmp_path, 1).rows) == lasting(whole.rows)


def test_records_grow_by_a_row_a_round_and_can_be_read_meanwhile(tmp_path):
    child = in_a_child(lambda: run(tmp_path))
    seen = set()
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if (tmp_path / "records.csv").exists():
            seen.add(len(al.load(tmp_path).rows))
        time.sleep(0.002)
    assert len(seen) > 10
    assert json.loads((tmp_path / "protocol.json").read_text())["rounds"] == 4
