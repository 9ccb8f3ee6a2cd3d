"""Learner: trains in the background, never blocks, loses no error."""

import threading
import time
from itertools import pairwise

import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

import alkit as al
from alkit.errors import ConfigurationError
from alkit.project.learning import Learner

PATIENCE = 30.0


def answered(small, learner, choices):
    with small.asking.lock:
        ids = [choice.index for choice in choices]
        small.pool.annotate(ids, [small.pool.classes[small.y[k]] for k in ids])
    learner.answered({choice.index: choice.why for choice in choices})


def asked(learner, n, leave_out=()):
    until = time.monotonic() + PATIENCE
    while not (found := learner.ask(n, leave_out)) and time.monotonic() < until:
        time.sleep(0.01)
    return found


def test_samples_are_ready_at_every_moment_and_never_repeated(small):
    seen = []
    with Learner(small.asking, every=5) as learner:
        assert learner.wait(PATIENCE)
        for _ in range(60):
            (choice,) = asked(learner, 1)
            seen.append(choice.index)
            answered(small, learner, [choice])
        assert learner.wait(PATIENCE)
        state = learner.state
    assert len(set(seen)) == 60
    assert state.problem == ""
    assert state.labels > 55
    audit = [why for why in small.asking.whys.values() if why.startswith("audit")]
    assert len(audit) == pytest.approx(0.2 * len(small.asking.whys), abs=1)


def test_asking_does_not_wait_for_a_training(small):
    begun, go_on = threading.Event(), threading.Event()

    def slow():
        begun.set()
        go_on.wait(PATIENCE)

    learner = Learner(small.asking, every=2, assess=slow)
    try:
        assert learner.wait(PATIENCE)
        answered(small, learner, learner.ask(4))
        assert begun.wait(PATIENCE)
        started = time.perf_counter()
        choices = learner.ask(3)
        learner.answered({})
        learner.likely("cat", 3)
        assert time.perf_counter() - started < 0.1
        assert len(choices) == 3
        assert not learner.wait(0.01)
    finally:
        go_on.set()
        learner.close()


def test_there_is_one_training_at_a_time_and_the_last_has_all_labels(make):
    trainings, running = [], []

    class Counted(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 3)

        def forward(self, x):
            if self.training:
                running.append(threading.current_thread().name)
            return self.layer(x)

    def network(pool):
        return al.Strategy(Counted(), pool, seed=1).build()

    small = make(strategy=network, training={"max_steps": 3})
    learner = Learner(small.asking, every=1, assess=lambda: trainings.append(len(running)))
    try:
        for _ in range(12):
            answered(small, learner, asked(learner, 1))
        assert learner.wait(PATIENCE)
        assert learner.state.labels == 12
        assert set(running) == {"alkit learner"}
        assert all(b - a in (0, 3) for a, b in pairwise(trainings))
    finally:
        learner.close()


def test_failures_are_kept_in_words_and_the_next_answers_try_again(small):
    broken = [True]

    def refresh():
        if broken[0] and small.pool.get_num_annotated():
            raise RuntimeError("the disk is full")

    with Learner(small.asking, every=2, refresh=refresh) as learner:
        assert learner.wait(PATIENCE)
        ready = learner.state.ready
        answered(small, learner, learner.ask(4))
        assert learner.wait(PATIENCE)
        assert learner.state.problem == "RuntimeError: the disk is full"
        assert learner.state.ready == ready
        assert learner.ask(1)
        broken[0] = False
        answered(small, learner, learner.ask(2))
        assert learner.wait(PATIENCE)
        assert learner.state.problem == ""
        assert learner.state.labels == 6
        assert len(small.asking.whys) == 6


def test_while_choosing_fails_uniform_samples_are_asked(make):
    class Broken(al.criteria.Criterion):
        def score(self, prediction):
            raise ZeroDivisionError("a formula of the user")

    def broken(pool):
        return al.Strategy(al.Estimator(LogisticRegression(), 3), pool, Broken(), seed=0).build()

    small = make(strategy=broken)
    with Learner(small.asking, every=5, ahead=10) as learner:
        for _ in range(40):
            answered(small, learner, asked(learner, 1))
        assert learner.wait(PATIENCE)
        assert "a formula of the user" in learner.state.problem
    whys = list(small.asking.whys.values())
    assert len(whys) >= 35
    assert whys[-1] == "audit: drawn uniformly, to measure the accuracy, since choosing failed"


def test_likely_samples_are_the_most_certain_of_a_class(small):
    with Learner(small.asking, every=5) as learner:
        for _ in range(5):
            answered(small, learner, asked(learner, 6))
        assert learner.wait(PATIENCE)
        found = learner.likely("dog", 5)
        left = small.pool.unannotated_indices
        guesses, certainties = small.asking.guesses(left)
        order = [int(left[k]) for k in (-certainties).argsort() if guesses[k] == 1]
        assert {choice.index for choice in found} == set(order[:5])
        assert [c.certainty for c in found] == sorted((c.certainty for c in found), reverse=True)
        assert {choice.guess for choice in found} == {"dog"}
        out = [choice.index for choice in found[:2]]
        assert {c.index for c in learner.likely("dog", 3, out)} == {c.index for c in found[2:]}
        assert learner.likely("yak", 3) == []


def test_what_others_are_asked_about_is_left_out(small):
    with Learner(small.asking) as learner:
        assert learner.wait(PATIENCE)
        first = learner.ask(3)
        second = learner.ask(3, [choice.index for choice in first])
        assert not {c.index for c in first} & {c.index for c in second}
        assert len(second) == 3


def test_answers_that_are_undone_are_asked_again(make):
    small = make(n=6)
    with Learner(small.asking, every=1) as learner:
        assert learner.wait(PATIENCE)
        choices = learner.ask(6)
        answered(small, learner, choices)
        assert learner.wait(PATIENCE)
        assert learner.ask(1) == []
        with small.asking.lock:
            small.pool.undo()
        learner.undone([choice.index for choice in choices])
        assert {choice.index for choice in asked(learner, 6)} == set(range(6))
        assert learner.wait(PATIENCE)
        assert not small.asking.whys


def test_a_project_that_is_opened_again_goes_on_with_its_model(small):
    small.label(20)
    with Learner(small.asking) as learner:
        assert learner.wait(PATIENCE)
        assert learner.state.labels == 20
        assert learner.ask(1)[0].guess in small.pool.classes


def test_closing_ends_the_thread(small):
    before = torch.get_num_threads()
    learner = Learner(small.asking)
    learner.close(PATIENCE)
    assert not learner._thread.is_alive()
    learner.close()
    assert torch.get_num_threads() == before


def test_numbers_below_one_are_refused(small):
    for wrong in ({"every": 0}, {"ahead": 0}, {"threads": 0}):
        with pytest.raises(ConfigurationError, match=next(iter(wrong))):
            Learner(small.asking, **wrong)
