from __future__ import annotations

import pytest
import torch

import alkit as al


def test_the_solutions_of_the_lesson_are_right(solutions, capsys):
    names = solutions("01")
    al.course.check("01-a", names["wanted"])
    al.course.check("01-b", names["choose"])
    al.course.check("01-c", names["loop"])
    assert capsys.readouterr().out.count(" is correct. ") == 3


@pytest.mark.parametrize(
    "answer",
    [
        lambda p: p * (1 - p),
        lambda p: torch.special.entr(p) + torch.special.entr(1 - p),
        lambda p: [1 - max(x, 1 - x) for x in p.tolist()],
    ],
    ids=["variance", "entropy", "least confidence as a list"],
)
def test_every_measure_of_uncertainty_is_right(answer):
    al.course.check("01-a", answer)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda p: (p - 0.5).abs(), "least certain about has the lowest"),
        (lambda p: p, "only rise or only fall"),
        (lambda p: 1 - p, "only rise or only fall"),
        (lambda p: -(p - 0.5).abs().sum(), r"should have shape \(7,\)"),
        (lambda p: -p * p.log() - (1 - p) * (1 - p).log(), "should be finite"),
        (lambda p: -(p - p.median()).abs(), "on the other samples|the wrong order"),
        (lambda p: (p - 0.5).abs().argsort(descending=True).argsort(), "on the other samples"),
        (lambda p: ((p - 0.5).abs() < 0.05).float(), "in the wrong order"),
        (lambda p: None, "is a return statement missing"),
    ],
    ids=["inverted", "p", "1-p", "sum", "nan", "median", "rank", "two values", "nothing"],
)
def test_a_wrong_score_gets_its_hint(refused, answer, hint):
    refused("01-a", answer, hint)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda i, s, n: s.argsort(descending=True)[:n], "positions among the candidates"),
        (lambda i, s, n: i[s.argsort()[:n]], "have the lowest scores"),
        (lambda i, s, n: i[s.argsort()][-n:], "highest score should come first"),
        (lambda i, s, n: i[s.argmax()].repeat(n), "twice"),
        (lambda i, s, n: i[s.argsort(descending=True)], r"should have shape \(3,\)"),
        (lambda i, s, n: i[:n], "the answer is"),
        (lambda i, s, n: i[[4, 1, 3]] if n == 3 else i[[0]], "with n = 1"),
    ],
    ids=["positions", "lowest", "order", "repeats", "all", "first", "fixed"],
)
def test_a_wrong_choice_gets_its_hint(refused, answer, hint):
    refused("01-b", answer, hint)


def rounds(*, fit=True, reset=True, annotate=True, twice=False, rounds=0):
    """Return a loop that may leave something out."""

    def loop(strategy, wanted, n, max_steps):
        accuracies = []
        for _ in range(rounds or wanted):
            if fit and not twice:
                strategy.fit(max_steps=max_steps, enable_progress_bar=False)
            accuracies.append(strategy.test()["testMulticlassAccuracy"])
            if twice:
                strategy.fit(max_steps=max_steps, enable_progress_bar=False)
            if annotate:
                strategy.query_and_update(n)
            else:
                strategy.query(n)
            if reset:
                strategy.reset_model()
        return accuracies

    return loop


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (rounds(reset=False), "from the weights of the previous round"),
        (rounds(annotate=False), "make 16; 4 are annotated"),
        (rounds(twice=True), "not trained yet"),
        (rounds(rounds=2), r"should have shape \(3,\)"),
        (lambda s, r, n, m: rounds()(s, r, n, m - 1), "with 15 steps per round"),
    ],
    ids=["no reset", "no labels", "test first", "two rounds", "other steps"],
)
def test_a_wrong_loop_gets_its_hint(refused, answer, hint):
    refused("01-c", answer, hint)


def test_checking_a_loop_leaves_the_global_random_state_as_it_was(solutions):
    before = torch.get_rng_state()
    al.course.check("01-c", solutions("01")["loop"])
    assert torch.equal(before, torch.get_rng_state())
