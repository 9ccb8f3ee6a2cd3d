from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import trapezoid

import alkit as al


def test_the_solutions_of_the_lesson_are_right(solutions, capsys):
    names = solutions("02", np=np)
    al.course.check("02-a", names["average"])
    al.course.check("02-b", names["labels_needed"])
    al.course.check("02-c", names["paired"])
    assert capsys.readouterr().out.count(" is correct. ") == 3


def test_an_average_by_numpy_is_right():
    al.course.check("02-a", lambda n, a: trapezoid(a, n) / (n[-1] - n[0]))


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda n, a: trapezoid(a, n), "that is the area"),
        (lambda n, a: a.mean(), "every point counts equally"),
        (lambda n, a: np.average(a[1:], weights=np.diff(n)), "area under steps"),
        (lambda n, a: np.average(a[:-1], weights=np.diff(n)), "area under steps"),
        (lambda n, a: trapezoid(a, n) / n[-1], "how wide is it"),
        (lambda n, a: a, r"should have shape \(\)"),
        (lambda n, a: a[-1], "it is 0.9"),
    ],
    ids=["area", "mean", "right steps", "left steps", "from zero", "curve", "last"],
)
def test_a_wrong_average_gets_its_hint(refused, answer, hint):
    refused("02-a", answer, hint)


def right(n, a, level):
    return np.inf if level > a[-1] else np.interp(level, a, n)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda n, a, level: n[np.searchsorted(a, level)], "where does the line reach"),
        (lambda n, a, level: np.searchsorted(a, level), "the position of a point"),
        (lambda n, a, level: np.interp(level, n, a), "between 0.7 at 40"),
        (lambda n, a, level: np.interp(level, a, n), "never reached"),
        (lambda n, a, level: right(n, a, level) if level > a[0] else 0.0, "for level 0.4"),
        (lambda n, a, level: np.inf if level >= a[-1] else right(n, a, level), "should be finite"),
        (lambda n, a, level: None, "is a return statement missing"),
    ],
    ids=["next point", "position", "upwards", "made up", "start", "end", "nothing"],
)
def test_wrong_labels_needed_get_their_hint(refused, answer, hint):
    refused("02-b", answer, hint)


def test_an_error_by_scipy_is_right():
    from scipy.stats import sem

    al.course.check("02-c", lambda ours, theirs: [(ours - theirs).mean(), sem(ours - theirs)])


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda o, t: ((t - o).mean(), (t - o).std(ddof=1) / 5**0.5), "larger in every trial"),
        (
            lambda o, t: (o.mean() - t.mean(), ((o.var(ddof=1) + t.var(ddof=1)) / 5) ** 0.5),
            "paired",
        ),
        (lambda o, t: ((o - t).mean(), (o - t).std(ddof=1)), "spread of one trial"),
        (lambda o, t: ((o - t).mean(), (o - t).std() / 5**0.5), "ddof=1"),
        (lambda o, t: (o.mean(), 0.01), "mean of the differences"),
        (lambda o, t: ((o - t).mean(), 0.5), "is not 0.5"),
        (lambda o, t: (o - t).mean(), r"should have shape \(2,\)"),
    ],
    ids=["sign", "unpaired", "deviation", "ddof", "mean", "other", "one number"],
)
def test_a_wrong_error_gets_its_hint(refused, answer, hint):
    refused("02-c", answer, hint)
