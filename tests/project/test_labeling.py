"""Labeling by oracles in place of people, and the page of a project."""

import threading
import time
from contextlib import suppress
from http.client import HTTPException

import pytest
from pages import Caller, Served, wait_until

from alkit.errors import ConfigurationError, FolderError, LabelError
from alkit.lock import locked
from alkit.oracles import Abstaining, Model, Noisy

CLASSES = ["cat", "dog", "owl"]
KILLS = 2
SERVE = """
import torch
torch.set_num_threads(1)
import alkit as al
al.Project("project").label({}, open_browser=False)
"""


def test_an_oracle_labels_as_many_as_asked_for(points):
    project = points.project()
    assert project.label(25, oracle=points.oracle) == 25
    assert project.pool.get_num_annotated() == 25
    assert project.label(oracle=points.oracle) == 35
    assert project.label(oracle=points.oracle) == 0
    labels = {name: entry.label for name, entry in project.ledger.current().items()}
    assert labels == dict(zip(points.names, points.oracle(range(60))))


def test_labels_of_an_oracle_may_be_numbers_of_classes_in_an_array(points):
    project = points.project()
    project.label(10, oracle=lambda ids: points.y[ids])
    right = {name: CLASSES[points.y[points.names.index(name)]] for name in project.ledger.current()}
    assert {n: entry.label for n, entry in project.ledger.current().items()} == right


def test_what_an_abstaining_oracle_does_not_answer_is_left_out_with_its_reason(points):
    project = points.project()
    project.label(40, oracle=Abstaining(points.oracle, 0.5, seed=0))
    found = project.status()
    assert found.reasons["unsure"] + found.labeled == 40
    assert 10 < found.labeled < 30
    left = [entry for entry in project.ledger.live() if entry.reason]
    assert sum(entry.why.startswith("audit") for entry in project.ledger.live()) == 8
    assert all(entry.why for entry in left)


def test_what_a_machine_is_not_sure_about_stays_for_people(points):
    def predict(ids):
        return points.oracle(ids), [0.95 if index % 2 else 0.5 for index in ids]

    project = points.project()
    assert project.label(oracle=Model(predict, name="clip")) == 30
    found = project.status()
    assert (found.labeled, dict(found.reasons)) == (30, {})
    assert (found.machines, found.people) == ({"machine: clip": 30}, {})
    assert len(project.query(60)) == 30


def test_a_noisy_oracle_errs(points):
    project = points.project()
    project.label(60, oracle=Noisy(lambda ids: points.y[ids], 0.3, classes=3, seed=0))
    answers = project.ledger.current()
    wrong = sum(answers[n].label != y for n, y in zip(points.names, points.oracle(range(60))))
    assert 8 < wrong < 30


@pytest.mark.parametrize(
    ("oracle", "reason"),
    [
        (lambda ids: ["cat"], "expected 20 labels"),
        (lambda ids: ["horse"] * len(ids), "'horse' is not one of the classes"),
        (lambda ids: None, "expected 20 labels"),
    ],
)
def test_wrong_answers_of_an_oracle_change_nothing(points, oracle, reason):
    project = points.project()
    with pytest.raises(LabelError, match=reason):
        project.label(20, oracle=oracle)
    assert len(project.ledger) == 0


def test_what_is_not_an_oracle_is_refused(points):
    with pytest.raises(ConfigurationError, match="oracle"):
        points.project().label(3, oracle=3)


def test_an_oracle_that_fails_or_is_stopped_keeps_the_batches_before(points):
    project = points.project()
    batches = []

    def stopped(ids):
        batches.append(ids)
        if len(batches) == 2:
            raise KeyboardInterrupt
        return points.oracle(ids)

    with pytest.raises(KeyboardInterrupt):
        project.label(60, oracle=stopped)
    assert project.pool.get_num_annotated() == 20
    assert project.label(5, oracle=points.oracle) == 5


@pytest.mark.parametrize("n", [0, -1, 2.5, True])
def test_a_number_of_answers_that_is_none_is_refused(points, n):
    with pytest.raises(ConfigurationError, match="n must be"):
        points.project().label(n, oracle=points.oracle)


def test_the_page_of_a_project_is_served_once(points):
    project = points.project()
    with locked(project.folder), pytest.raises(FolderError, match="another labeling page"):
        project.label(open_browser=False)


def test_the_page_sees_answers_of_other_processes_and_ends_after_n(points):
    project = points.project()
    project.annotate(points.names[:10], points.oracle(range(10)))
    with Served(SERVE.format(3), points.folder) as served:
        caller = Caller(served.url, "Ann")
        wait_until(lambda: caller.call("start")[1]["next"])
        _, reply = caller.call("start")
        assert reply["facts"]["labeled"] == 10
        asked = [question["name"] for question in reply["next"]]
        assert len(asked) == 3
        others = [name for name in points.names[10:] if name not in asked][:5]
        project.annotate(others, ["cat"] * 5)
        for k, question in enumerate(reply["next"]):
            status, after = caller.answer(question, f"uid {k}", label="cat")
            assert status == 200
        assert after["facts"]["labeled"] == 18
        assert after["state"] == "enough"
        assert served.running.wait(timeout=30) == 0
    assert project.pool.get_num_annotated() == 18
    entry = project.ledger.current()[asked[0]]
    assert (entry.who, entry.label, entry.round) == ("Ann", "cat", 1)
    assert entry.why


def test_labels_that_were_acknowledged_survive_kills_at_random_moments(points):
    """The server is killed while answers stream in; each acknowledged one is there, once."""
    kept: dict[str, str] = {}
    points.project()
    served = Served(SERVE.format("who='Bob'"), points.folder)
    for run in range(KILLS):
        served.start()
        timer = threading.Timer(0.2 + 0.35 * run / KILLS, served.running.kill)
        timer.start()
        with suppress(OSError, HTTPException):
            stream(Caller(served.url, tab=str(run)), kept, f"run {run}")
        timer.join()
        served.kill()
    with points.project().ledger as ledger:
        live = ledger.live()
    found = {entry.sample: entry.label for entry in live}
    assert len(found) == len(live)  # nothing twice
    assert {name: found.get(name) for name in kept} == kept
    assert len(kept) > 3


def stream(caller, kept, run):
    """Answer without a pause; note what was acknowledged."""
    for k in range(1000):
        _, reply = caller.call("start")
        if not reply["next"]:
            time.sleep(0.01)
            continue
        question = reply["next"][0]
        label = CLASSES[k % 3]
        status, _ = caller.answer(question, f"{run} {k}", label=label)
        if status == 200:
            kept[question["name"]] = label
