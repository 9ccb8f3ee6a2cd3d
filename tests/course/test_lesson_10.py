from __future__ import annotations

from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from scipy import stats

from alkit.course.lesson_10 import CHECKS


def test_the_solutions_of_the_lesson_are_right(solutions):
    found = solutions("10", np=np, stats=stats, Counter=Counter)
    for name, answer in zip(CHECKS, ("audit_accuracy", "wilson", "alpha"), strict=True):
        assert CHECKS[name](found[answer])


# --- 10-a ---------------------------------------------------------------------------------------


def audit(guesses, labels, reasons):
    g, y = np.array(guesses), np.array(labels)
    rows = np.array([why[:5] == "audit" for why in reasons]) & np.array([v is not None for v in y])
    return (g[rows] == y[rows]).mean()


def test_an_accuracy_of_arrays_is_right():
    assert audit(["a", "b"], ["a", "a"], ["audit", "audit: drawn"]) == 0.5
    assert "at random" in CHECKS["10-a"](audit)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda g, y, w: np.mean([a == b for a, b in zip(g, y) if b]), "being hard"),
        (lambda g, y, w: np.mean([a == b for a, b in zip(g, y)]), "all samples are counted"),
        (
            lambda g, y, w: np.mean([a == b for a, b, c in zip(g, y, w) if c[:5] == "audit"]),
            "neither right nor wrong",
        ),
        (
            lambda g, y, w: np.mean([a == b for a, b, c in zip(g, y, w) if c[:5] != "audit" and b]),
            "the others measure it",
        ),
        (
            lambda g, y, w: np.mean([a == b for a, b, c in zip(g, y, w) if "audit" in c and b]),
            "chosen after the audit",
        ),
        (
            lambda g, y, w: np.mean([a == b for a, b, c in zip(g, y, w) if c == "audit" and b]),
            "more words",
        ),
        (lambda g, y, w: 1 - audit(g, y, w), "share of errors"),
        (
            lambda g, y, w: sum(a == b for a, b, c in zip(g, y, w) if c[:5] == "audit" and b),
            "divide it",
        ),
        (
            lambda g, y, w: np.mean([a == b and c[:5] == "audit" for a, b, c in zip(g, y, w)]),
            "not by all",
        ),
        (lambda g, y, w: 0.5, "begins with 'audit'"),
        (lambda g, y, w: None, "return statement"),
    ],
)
def test_wrong_accuracies_get_their_own_hint(refused, answer, hint):
    refused("10-a", answer, hint)


# --- 10-b ---------------------------------------------------------------------------------------


def wilson(k, n, z=1.6448536):
    """Ends p of (k / n - p)^2 = z^2 p (1 - p) / n, by the roots of this equation."""
    p = k / n
    return sorted(np.roots([1 + z**2 / n, -2 * p - z**2 / n, p**2]).real)


def test_the_roots_of_wilsons_equation_are_right():
    assert "perfect" in CHECKS["10-b"](wilson)
    assert round(1 / (1 - wilson(20, 20)[0])) == 8  # as the check says


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda k, n: wilson(k, n)[::-1], "lower end"),
        (
            lambda k, n: k / n + np.array([-1, 1]) * 1.6448536 * (k * (n - k) / n**3) ** 0.5,
            "of Wald",
        ),
        (
            lambda k, n: k / n + np.array([-1, 1]) * 1.959964 * (k * (n - k) / n**3) ** 0.5,
            "of Wald",
        ),
        (lambda k, n: wilson(k, n, 1.959964), "95 % interval"),
        (lambda k, n: wilson(k, n, 1.2815516), "80 of 100"),
        (lambda k, n: np.array(wilson(k, n)) * (1 + 1.6448536**2 / n), "both divided"),
        (
            lambda k, n: np.array(wilson(k, n)) - 1.6448536**2 / (2 * n + 2 * 1.6448536**2),
            "center is not p",
        ),
        (lambda k, n: wilson(n - k, n), "share of errors"),
        (lambda k, n: (k / n - 0.1, k / n + 0.1), "one by one"),
        (lambda k, n: k / n, "shape"),
    ],
)
def test_wrong_intervals_get_their_own_hint(refused, answer, hint):
    refused("10-b", answer, hint)


# --- 10-c ---------------------------------------------------------------------------------------


def differing(answers):
    return np.mean([a != b for a, b in permutations(answers, 2)])


def alpha(ann, bob):
    """Alpha by all ordered pairs of answers."""
    return 1 - np.mean([a != b for a, b in zip(ann, bob)]) / differing([*ann, *bob])


def test_alpha_by_all_pairs_is_right():
    assert differing(list("aababb")) == 18 / 30  # the numbers of the last hint
    assert "chance" in CHECKS["10-c"](alpha)


def with_replacement(ann, bob, others=None):
    first, second = others or ([*ann, *bob], [*ann, *bob])
    expected = np.mean([a != b for a in first for b in second])
    return 1 - np.mean([a != b for a, b in zip(ann, bob)]) / expected


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda a, b: np.mean([x == y for x, y in zip(a, b)]), "share of agreement"),
        (lambda a, b: np.mean([x != y for x, y in zip(a, b)]), "D_o alone"),
        (with_replacement, "Scott's pi"),
        (lambda a, b: with_replacement(a, b, (a, b)), "Cohen's kappa"),
        (lambda a, b: 1 - alpha(a, b), "1 minus that"),
        (lambda a, b: 1 - 2 * (1 - alpha(a, b)), "in the same way"),
        (lambda a, b: 0.5, "18/30"),
        (lambda a, b: [1, 0], "shape"),
    ],
)
def test_wrong_agreements_get_their_own_hint(refused, answer, hint):
    refused("10-c", answer, hint)
