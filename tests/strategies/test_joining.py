"""Strategies in two processes on the CPU (gloo), as Lightning starts them."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import two_processes as script

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What one run of the script left; in its end, process 1 dies."""
    folder = tmp_path_factory.mktemp("run")
    command = [sys.executable, "-W", "ignore", script.__file__, str(folder)]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    finished = subprocess.run(
        command, env=env, capture_output=True, text=True, timeout=300, check=False
    )
    assert (folder / "dead").exists(), finished.stderr
    (folder / "output").write_text(f"{finished.returncode}\n{finished.stderr}")
    return folder


@pytest.fixture(scope="module")
def saw(folder):
    """What each process saw."""
    return [pickle.loads((folder / f"{rank}.pkl").read_bytes()) for rank in range(2)]


def test_without_seeds_rounds_are_alike_in_all_processes_and_every_test_sample_counts_once(saw):
    assert saw[0]["loop"] == saw[1]["loop"]
    for _, tested, *_ in saw[0]["loop"]:
        assert tested["testCount_epoch"] == len(script.TEST)
    assert [steps for steps, *_ in saw[0]["loop"]] == [6, 6, 8]  # as of 23, 30 and 37 samples
    assert [len(annotated) for *_, annotated in saw[0]["loop"]] == [30, 37, 44]


def test_a_saved_state_resumes_in_a_loop_whose_end_is_up_to_the_first_process(saw):
    written = [(steps, tested, query) for steps, tested, query, _ in saw[0]["loop"]]
    assert saw[0]["resumed"] == saw[1]["resumed"] == written[1:]


@pytest.mark.parametrize("arm", script.ARMS)
def test_a_query_and_a_test_are_those_of_one_process_bit_for_bit(arm, saw, folder):
    alone = script.strategy(arm).load(folder / f"{arm}.pt")
    for each in saw:
        assert each[arm] == (alone.test(**script.QUIET), script.told(alone.query(11)))


def test_a_training_step_is_that_of_one_process_up_to_rounding(saw):
    torch.manual_seed(3)
    alone = script.strategy("margin", seed=7)
    alone.fit(max_steps=11, **script.QUIET)  # batches of 8, 8 and 7 samples
    for name, value in alone.state_dict().items():
        for each in saw:
            np.testing.assert_allclose(each["trained"][name], value, rtol=1e-4, atol=1e-5)


def test_the_oracle_is_asked_by_the_first_process_and_its_answers_and_errors_are_everywhere(saw):
    asked, labels, written = saw[0]["oracle"]
    assert (asked, len(labels), written) == ([0], 5, 28)
    assert saw[1]["oracle"] == ([], labels, 28)
    for each in saw:
        assert each["oracle fails"] == ("ZeroDivisionError", "division by zero")


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("sizes differ", "process 1: query(6)"),
        ("annotations differ", "other annotations than process 0 (train_pool: "),
        ("data differ", "other data than process 0 (train_pool)"),
        ("strategies differ", "options batch_size was 10 and is 11"),
    ],
)
def test_processes_that_differ_are_an_error_in_all(case, words, saw):
    for each in saw:
        kind, message = each[case]
        assert kind == "ProcessError"
        assert words in message


def test_a_trainer_of_one_process_is_refused_in_several(saw):
    for each in saw:
        assert each["not distributed"][0] == "ConfigurationError"


def test_a_process_that_dies_ends_all_and_what_was_saved_resumes(folder):
    output = folder / "output"
    assert not output.read_text().startswith("0\n")
    assert output.stat().st_mtime - (folder / "dead").stat().st_mtime < 60
    resumed = script.strategy("margin").load(folder / "after_3.pt")
    assert resumed.train_pool.get_num_annotated() == 44
    resumed.fit(max_steps=2, **script.QUIET)
    assert len(resumed.query(7)) == 7
