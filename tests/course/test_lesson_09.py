from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from alkit.course.lesson_09 import CHECKS
from alkit.errors import AnswerError


def refused(name, answer, hint):
    with pytest.raises(AnswerError, match=hint):
        CHECKS[name](answer)


def test_the_solutions_of_the_lesson_are_right(solutions):
    found = solutions("09", np=np, math=math, stats=stats)
    for name, answer in zip(CHECKS, ("times_as_many", "paired_interval", "beats"), strict=True):
        assert CHECKS[name](found[answer])


# --- 09-a ---------------------------------------------------------------------------------------


def steps(annotated, unannotated, size):
    joint = -(-max(annotated, unannotated) // size)
    return 0.5 * joint / -(-annotated // size)


def test_the_steps_of_a_joint_set_are_right_by_a_formula_of_integers():
    assert steps(120, 59_880, 128) == 234
    assert "gradient steps" in CHECKS["09-a"](steps)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda a, u, b: 1 / steps(a, u, b), "below 1"),
        (lambda a, u, b: 0.5 * max(a, u) / a, "whole step"),
        (lambda a, u, b: 0.5 * (max(a, u) // b) / max(a // b, 1), "left out"),
        (lambda a, u, b: 0.5 * math.ceil(u / b) / math.ceil(a / b), "1,000 annotated"),
        (lambda a, u, b: 0.5 * math.ceil((a + u) / b) / math.ceil(a / b), "not as both together"),
        (lambda a, u, b: math.ceil(max(a, u) / b) / math.ceil(a / b), "passes counted"),
        (lambda a, u, b: 5 * math.ceil(max(a, u) / b), "takes 10 steps"),
        (lambda a, u, b: 234, "takes 10 steps"),
    ],
)
def test_wrong_counts_of_steps_get_their_own_hint(answer, hint):
    refused("09-a", answer, hint)


# --- 09-b ---------------------------------------------------------------------------------------


def interval(ours, theirs):
    test = stats.ttest_rel(ours, theirs).confidence_interval()
    return test.low, test.high


def test_the_interval_of_scipys_paired_test_is_right():
    assert "luck" in CHECKS["09-b"](interval)


def around(ours, theirs, half):
    mean = np.mean(ours - theirs)
    return mean - half, mean + half


def error(ours, theirs, ddof=1):
    return np.std(ours - theirs, ddof=ddof) / math.sqrt(len(ours))


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda a, b: interval(b, a), "sign is wrong"),
        (lambda a, b: interval(a, b)[::-1], "lower end"),
        (lambda a, b: stats.ttest_ind(a, b).confidence_interval(), "trial by trial"),
        (
            lambda a, b: stats.ttest_ind(a, b, equal_var=False).confidence_interval(),
            "trial by trial",
        ),
        (lambda a, b: around(a, b, 1.96 * error(a, b)), "not Student's"),
        (lambda a, b: around(a, b, stats.t.ppf(0.975, len(a) - 1) * error(a, b, 0)), "numpy's"),
        (lambda a, b: around(a, b, stats.t.ppf(0.95, len(a) - 1) * error(a, b)), "90 of 100"),
        (lambda a, b: around(a, b, stats.t.ppf(0.975, len(a)) * error(a, b)), "degree of freedom"),
        (
            lambda a, b: around(
                a, b, stats.t.ppf(0.975, len(a) - 1) * error(a, b) * math.sqrt(len(a))
            ),
            "single trials",
        ),
        (lambda a, b: around(a, b, 0.01), "half width"),
        (lambda a, b: np.mean(a - b), "shape"),
    ],
)
def test_wrong_intervals_get_their_own_hint(answer, hint):
    refused("09-b", answer, hint)


# --- 09-c ---------------------------------------------------------------------------------------


def matrix(values, p=lambda a, b: stats.ttest_rel(a, b).pvalue, higher=True, small=True):
    """Matrix computed by loops, pair by pair."""
    out = np.zeros((len(values), len(values)))
    for i, a in enumerate(values):
        for j, b in enumerate(values):
            if i != j:
                significant = (p(a, b) < 0.05) == small
                out[i, j] = significant and (a.mean() > b.mean() or not higher)
    return out


def test_a_matrix_by_loops_is_right():
    assert "direction" in CHECKS["09-c"](matrix)
    assert "direction" in CHECKS["09-c"](lambda values: matrix(values).astype(bool).tolist())


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda v: matrix(v).T, "swapped"),
        (lambda v: matrix(v, lambda a, b: 0.0), "chance"),
        (lambda v: matrix(v, lambda a, b: stats.ttest_ind(a, b).pvalue), "they are pairs"),
        (lambda v: matrix(v, higher=False), "cannot both"),
        (lambda v: matrix(v) + np.eye(len(v)), "beats itself"),
        (lambda v: matrix(v, small=False), "not large"),
        (lambda v: np.zeros((len(v), len(v))), "by hand"),
        (lambda v: v.mean(1), "shape"),
    ],
)
def test_wrong_matrices_get_their_own_hint(answer, hint):
    refused("09-c", answer, hint)
