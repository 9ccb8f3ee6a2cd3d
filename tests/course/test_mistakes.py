from __future__ import annotations

import numpy as np
import pytest

from alkit.course.mistakes import judge
from alkit.errors import AnswerError


def square(x):
    return x * x


def judged(answer, cases=((1.0,), (2.0,), (3.0,))):
    mistakes = [(lambda x: 2 * x, "that is twice"), (lambda x: 1 / 0, "never"), (np.sqrt, "root")]
    judge(answer, square, cases, mistakes, "look again")


def test_a_right_answer_passes():
    judged(lambda x: x**2)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda x: x + x, "^that is twice$"),
        (lambda x: x**3, "^look again$"),
        (lambda x: float("nan"), "should be finite"),
        (lambda x: [x, x], "shape"),
        (lambda x: "four", "should be numeric"),
        (lambda x: None, "is a return statement missing"),
        (4, "expected a function"),
    ],
)
def test_a_wrong_answer_gets_the_hint_of_its_mistake(answer, hint):
    with pytest.raises(AnswerError, match=hint):
        judge(answer, square, [(1.0,), (3.0,)], [(lambda x: 2 * x, "that is twice")], "look again")


def test_a_mistake_must_fit_in_every_case():
    with pytest.raises(AnswerError, match="look again"):
        judge(
            lambda x: 2 * x if x < 3 else 0.0, square, [(1.0,), (3.0,)],
            [(lambda x: 2 * x, "that is twice")], "look again",
        )  # fmt: skip


def test_an_answer_that_changes_its_argument_affects_nothing_else():
    array = np.ones(3)

    def answer(x):
        x *= 2
        return x / 2

    judge(answer, lambda x: x, [(array,), (array,)], [], "look again")
    assert (array == 1).all()
