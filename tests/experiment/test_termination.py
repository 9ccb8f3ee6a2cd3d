"""A comparison that is terminated keeps what is finished, and ends with status 143."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from small import compare, lasting

import alkit as al
from alkit.experiment.executors import one_by_one
from alkit.experiment.termination import kept, terminable

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks warm processes")


@pytest.fixture(autouse=True)
def no_handler_of_ray():
    """Ray leaves its own handler in a process that has used it."""
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGTERM, before)


def child_of(do, errors):
    """The number of a forked process that does this, and ends as a script would."""
    child = os.fork()
    if child:
        return child
    os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT), 2)
    sys.stderr = os.fdopen(2, "w")
    status = 1
    try:
        do()
        status = 0
    except SystemExit as stopped:
        status = stopped.code
    finally:
        sys.stderr.flush()
        os._exit(status or 0)


def rows_in(folder):
    return len(al.load(folder).rows) if (folder / "records.csv").exists() else 0


def terminated(do, folder):
    """The exit status and the errors of a process that is terminated after its first rows."""
    errors = folder.parent / "errors"
    child = child_of(do, errors)
    while rows_in(folder) < 2:
        assert os.waitpid(child, os.WNOHANG) == (0, 0)
        time.sleep(0.002)
    os.kill(child, signal.SIGTERM)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), errors.read_text()


def test_a_terminated_comparison_says_what_is_kept_and_ends_with_143(tmp_path):
    folder = tmp_path / "out"

    def run():
        return compare(folder=folder, rounds=6, max_steps=20)

    status, errors = terminated(run, folder)
    assert status == 143
    left = rows_in(folder)
    assert 2 <= left < 24
    assert f"{left} of 24 rounds are finished and kept in {folder}" in errors
    assert "make the same call again" in errors
    assert "Traceback" not in errors
    assert lasting(run().rows) == lasting(compare(rounds=6, max_steps=20).rows)


WORKERS = """
import multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor
sys.path.insert(0, {here!r})
import torch
torch.set_num_threads(1)
from small import compare
with ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as executor:
    compare(folder={folder!r}, rounds=15, query_size=2, max_steps=80, executor=executor)
"""


def test_workers_stop_after_their_round(tmp_path):
    folder = tmp_path / "out"
    code = WORKERS.format(here=str(Path(__file__).parent), folder=str(folder))
    # a process of its own: forks of one with threads, such as this one, may break
    child = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    while rows_in(folder) < 2:
        assert child.poll() is None
        time.sleep(0.002)
    child.terminate()
    _, errors = child.communicate()
    assert child.returncode == 143
    assert "of 60 rounds are finished" in errors
    states = [json.loads(path.read_text())["state"] for path in folder.rglob("state.json")]
    assert len(states) <= 3  # of two workers, and one that the executor had handed out
    assert not any(state["finished"] for state in states)
    compare(folder=folder, rounds=15, query_size=2, max_steps=80)
    assert rows_in(folder) == 60
    assert not list(folder.rglob(".stop"))


def test_the_handler_is_the_one_of_before_and_one_of_the_process_wins():
    seen = []
    with terminable(None, ""):
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    signal.signal(signal.SIGTERM, lambda *_: seen.append(1))
    try:
        with terminable(None, ""):
            signal.raise_signal(signal.SIGTERM)
        assert seen == [1]
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def test_another_thread_has_no_handler():
    seen = []

    def work():
        with terminable(None, ""):
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.SIG_DFL]


def test_without_a_folder_nothing_is_kept(capsys, tmp_path):
    with pytest.raises(SystemExit) as stopped, terminable(None, "again"):
        signal.raise_signal(signal.SIGTERM)
    assert stopped.value.code == 143
    assert "Pass folder=" in capsys.readouterr().err
    assert "nothing is kept" in kept(tmp_path, "again")


def test_the_command_line_ends_with_143_and_says_how_to_resume(tmp_path):
    command = [
        *(sys.executable, "-c", "import sys; from alkit.cli import main; sys.exit(main())"),
        *("compare", "--out", "out", "--rounds", "8"),
        *("--trials", "3", "--query-size", "10", "--strategies", "uncertainty"),
    ]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    while rows_in(tmp_path / "out") < 2:
        assert process.poll() is None
        time.sleep(0.02)
    process.terminate()
    errors = process.communicate(timeout=60)[1]
    assert process.returncode == 143
    assert "of 48 rounds are finished and kept in out" in errors
    assert "To continue: alkit resume out" in errors
    assert "make the same call" not in errors
    assert "Traceback" not in errors


def test_the_exit_of_ray_at_sigterm_has_the_status_of_a_terminated_process(capsys):
    with pytest.raises(SystemExit) as stopped, terminable(None, "again"):
        raise SystemExit(int(signal.SIGTERM))  # by the handler that ray.init puts in place
    assert stopped.value.code == 143
    assert "nothing is kept" in capsys.readouterr().err


@pytest.mark.parametrize("end", [SystemExit(143), KeyboardInterrupt()])
def test_an_end_that_makes_a_fit_fail_is_still_the_end(end):
    class Failing:
        key = ("margin", 0)

        def run(self, state):
            try:
                raise end
            finally:
                raise RuntimeError("the fit could not be ended")  # as Lightning at some moments

    with pytest.raises(type(end)) as raised:
        list(one_by_one([Failing()], {}))
    assert raised.value is end
