"""Processes that are started by ``torchrun``, and those that Lightning starts."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import under_torchrun as script

import alkit as al
from alkit import launched

ROOT = Path(__file__).parents[1]
NAMES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "NODE_RANK", "MASTER_ADDR", "MASTER_PORT")


@pytest.fixture
def environment(monkeypatch):
    """Function that sets the variables of a launcher, and no others."""

    def sets(**variables):
        for name in NAMES:
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, str(value))

    sets()
    return sets


def test_the_environment_tells_the_number_and_the_place_of_a_process(environment):
    assert (launched.by_torchrun(), launched.place()) == (1, 0)
    addressed = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": 29511}
    environment(RANK=5, WORLD_SIZE=8, LOCAL_RANK=1, **addressed)
    assert (launched.by_torchrun(), launched.place()) == (8, 5)
    environment(WORLD_SIZE=2, LOCAL_RANK=1, NODE_RANK=0, **addressed)  # by Lightning
    assert (launched.by_torchrun(), launched.place()) == (1, 1)
    environment(WORLD_SIZE=4, LOCAL_RANK=0, NODE_RANK=1, **addressed)
    assert (launched.by_torchrun(), launched.place()) == (1, 1)
    environment(RANK=0, WORLD_SIZE=1, **addressed)  # torchrun with one process
    assert (launched.by_torchrun(), launched.place()) == (1, 0)


def test_a_script_that_lightning_repeats_asks_and_writes_nothing_before_its_first_fit(
    environment, tmp_path
):
    asked = []

    def oracle(ids):
        asked.append(ids)
        return script.Y[ids]

    environment(WORLD_SIZE=2, LOCAL_RANK=1)
    repeated = script.strategy(10)
    with pytest.raises(al.errors.ProcessError, match="torchrun --nproc_per_node=2"):
        repeated.query_and_update(3, oracle)
    repeated.save(tmp_path / "saved.pt")
    assert not asked
    assert not [*tmp_path.iterdir()]
    assert repeated.train_pool.get_num_annotated() == 10


def test_no_process_is_started_for_a_strategy_that_has_queried_alone(environment):
    alone = script.strategy(10)
    two = {**script.QUIET, "devices": 2, "strategy": "ddp"}
    alone.query(3)
    for run in (lambda: alone.fit(max_steps=1, **two), lambda: alone.test(**two)):
        with pytest.raises(al.errors.ConfigurationError, match="torchrun --nproc_per_node=2"):
            run()
    assert "WORLD_SIZE" not in os.environ  # which Lightning sets when it starts processes
    alone.fit(max_steps=1, **script.QUIET)


@pytest.mark.parametrize("strategy", ["ddp_spawn", "ddp_fork"])
def test_copies_of_the_process_are_refused(strategy, environment):
    learner = script.strategy(10)
    with pytest.raises(al.errors.ConfigurationError, match='strategy="ddp"'):
        learner.fit(max_steps=1, devices=2, strategy=strategy, **script.QUIET)


def test_a_project_is_not_opened_in_one_of_several_processes(environment, tmp_path):
    np.save(tmp_path / "rows.npy", script.X.numpy())
    made = {"embeddings": tmp_path / "rows.npy", "classes": ["a", "b", "c"]}
    environment(WORLD_SIZE=2, LOCAL_RANK=1)
    with pytest.raises(al.errors.ConfigurationError, match="a project is for one process"):
        al.Project(tmp_path / "project", **made)
    assert not (tmp_path / "project").exists()
    environment()
    al.Project(tmp_path / "project", **made)


# --- torchrun ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("torchrun")
    number = f"--nproc_per_node={script.PROCESSES}"
    run = [sys.executable, "-m", "torch.distributed.run", "--standalone", number]
    env = {name: value for name, value in os.environ.items() if name not in NAMES}
    env |= {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    finished = subprocess.run(
        [*run, script.__file__, str(folder)],
        env=env, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    return folder


@pytest.fixture(scope="module")
def saw(folder):
    """What each process saw."""
    return [pickle.loads((folder / f"{k}.pkl").read_bytes()) for k in range(script.PROCESSES)]


def test_an_untrained_strategy_is_queried_together_and_its_oracle_asked_once(saw):
    assert [each["asked"] for each in saw] == [[0], [], []]
    for each in saw:
        assert each["connected"]
        assert each["cold"] == saw[0]["cold"]
        assert each["rounds"] == saw[0]["rounds"]
    picks, labels = saw[0]["cold"]
    assert list(labels) == script.Y[picks].tolist()


def test_what_one_process_cannot_read_is_left_out_in_all(saw):
    for each in saw:
        assert each["skips"] == saw[0]["skips"]
    picked, unreadable = saw[0]["skips"]
    assert len({*picked[0], *picked[1]}) == 10
    assert sorted(unreadable) == [*script.BROKEN]


def test_fewer_candidates_than_processes(saw):
    for each in saw:
        assert each["few"] == saw[0]["few"]
        assert sorted(each["few"][0]) == [57, 58]


def test_a_batch_of_fewer_samples_than_processes_is_trained_on_as_in_one(saw, environment):
    torch.manual_seed(9)
    alone = script.strategy(7, batch_size=2, seed=1)
    alone.fit(max_epochs=2, **script.QUIET)
    for name, value in alone.state_dict().items():
        for each in saw:
            np.testing.assert_allclose(each["small"][name], value, rtol=1e-4, atol=1e-6)


def test_only_the_first_process_writes(folder, saw):
    assert [path.name for path in folder.glob("*.pt")] == ["skips_0.pt"]


def test_queries_of_processes_that_were_not_connected_are_an_error_in_all(saw):
    for each in saw:
        assert each["queried alone"][0] == "ProcessError"
        assert "processes [0, 1, 2]" in each["queried alone"][1]


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("one process", 'Trainer(devices=3, strategy="ddp")'),
        ("estimator", "fit it in one process"),
        ("stream", "Stream is for one process"),
        ("compare", "compare is for one process"),
    ],
)
def test_what_is_for_one_process_is_refused_in_all(case, words, saw):
    for each in saw:
        kind, message = each[case]
        assert kind == "ConfigurationError"
        assert words in message
