from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from scipy.stats import entropy

from alkit.course.lesson_06 import check_bald, check_greedy_batch, check_two_candidates
from alkit.errors import AnswerError

A, B, C = [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]
EVEN = [[0.5, 0.5, 0.0]] * 4


def bald(p):
    return entropy(p.mean(1), axis=-1) - entropy(p, axis=-1).mean(1)


def information(p):
    """Joint information, summed over all labels of the batch."""
    given, marginal = 0.0, 0.0
    for labels in product(range(p.shape[2]), repeat=len(p)):
        chances = np.prod([p[i, :, y].numpy() for i, y in enumerate(labels)], axis=0)  # (K,)
        given -= np.mean(chances * np.log(np.maximum(chances, 1e-300)))
        marginal -= chances.mean() * np.log(max(chances.mean(), 1e-300))
    return marginal - given


def greedy(p, n, gain=information):
    picked = []
    for _ in range(n):
        left = [k for k in range(len(p)) if k not in picked]
        picked.append(left[int(np.argmax([gain(p[[*picked, k]]) for k in left]))])
    return picked


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (check_bald, bald),
        (check_two_candidates, lambda: [EVEN, [A, A, B, B]]),
        (check_two_candidates, np.array([[[0, 0.5, 0.5]] * 4, [B, C, C, B]])),
        (check_two_candidates, torch.tensor([EVEN, [C, A, C, A]])),
        (check_greedy_batch, greedy),
    ],
)
def test_correct_answers_pass_and_return_what_they_teach(check, answer):
    assert check(answer)


def naive(p):
    mean = p.mean(1)
    return -(mean * mean.log()).sum(-1) + (p * p.log()).sum(-1).mean(1)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda p: -bald(p), "never above 0"),
        (lambda p: entropy(p.mean(1), axis=-1), "only the entropy of the mean"),
        (lambda p: entropy(p, axis=-1).mean(1), "highest for coin tosses"),
        (lambda p: entropy(p.mean(1), axis=-1) - entropy(p, axis=-1).sum(1), "take their mean"),
        (lambda p: bald(p) / np.log(2), "bits"),
        (lambda p: bald(p) / p.shape[2], "not a mean"),
        (lambda p: p.std(1).mean(-1), "spread"),
        (naive, "NaN where a probability is 0"),
        (lambda p: bald(p).sum(), "shape"),
        (lambda p: p[:, 0, 0], "try both"),
        ("BALD", "function"),
    ],
)
def test_a_wrong_bald_gets_its_hint(answer, hint):
    with pytest.raises(AnswerError, match=hint):
        check_bald(answer)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        ([[A, A, B, B], EVEN], "should agree on the first"),
        ([[A, A, B, B], [A, A, B, B]], "BALD of the first is 0.69"),
        ([EVEN, EVEN], "how certain is each"),
        ([EVEN, [[0.9, 0.1, 0]] * 2 + [[0.1, 0.9, 0]] * 2], "can be higher"),
        ([EVEN, [A, B, C, C]], "mean of the second candidate is"),
        ([[A, A, A, A], [A, A, B, B]], "mean of the first candidate is"),
        ([EVEN, [A, A, B, [2, -1, 0]]], "not a distribution"),
        ([EVEN], r"not \(2, 4, 3\)"),
        ("two", "expected numbers of shape"),
    ],
)
def test_wrong_candidates_get_their_hint(answer, hint):
    with pytest.raises(AnswerError, match=hint):
        check_two_candidates(answer)


def entropies(p):
    return information(p) + sum(entropy(p, axis=-1).mean(1))


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda p, n: bald(p).argsort()[::-1][:n].copy(), "repeat each other"),
        (lambda p, n: bald(p).argsort()[:n], "lowest BALD|the least"),
        (lambda p, n: greedy(p, n, lambda batch: -information(batch)), "the sign"),
        (lambda p, n: greedy(p, n, entropies), "coin tosses raise it"),
        (lambda p, n: greedy(p, n)[::-1], "reversed"),
        (lambda p, n: [greedy(p, 1)[0]] * n, "twice"),
        (lambda p, n: greedy(p, n)[:-1], r"expected \d+ picks, got"),
        (lambda p, n: list(range(n)), "of \\*all\\* picks"),
        (3, "function"),
    ],
)
def test_a_batch_that_is_not_the_greedy_one_gets_its_hint(answer, hint):
    with pytest.raises(AnswerError, match=hint):
        check_greedy_batch(answer)


def test_the_solutions_of_the_lesson_pass(solutions):
    names = {"entropy": lambda p: torch.special.entr(p).sum(-1), "information": information}
    solved = solutions("06", **names)
    assert check_bald(solved["bald"])
    assert check_two_candidates(solved["two_candidates"])
    assert check_greedy_batch(solved["greedy_batch"])
