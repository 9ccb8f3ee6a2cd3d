"""Answers with a known mistake: the message explains the mistake, not the solution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

import numpy as np

from alkit.course.answers import numbers
from alkit.errors import AnswerError


def judge(
    answer: Callable[..., Any],
    solution: Callable[..., Any],
    cases: Sequence[tuple[Any, ...]],
    mistakes: Sequence[tuple[Callable[..., Any], str]],
    otherwise: str,
) -> None:
    """Compare a function with the solution, and explain known mistakes.

    Args:
        answer: the function to judge.
        solution: a function that returns the correct numbers or array for the same arguments.
        cases: the arguments of each call.
        mistakes: wrong functions, each with the hint for an answer that equals it in all cases.
            The first match counts. A function that raises an error in a case does not match.
        otherwise: the hint for any other wrong answer.

    Raises:
        AnswerError: the answer differs in a case, or returns a result of another shape.
    """
    if not callable(answer):
        raise AnswerError(f"expected a function, got {answer!r}.")
    right = [solution(*case) for case in cases]
    given = [
        numbers(answer(*deepcopy(case)), tuple(np.shape(value)), "the result")
        for case, value in zip(cases, right)
    ]
    if _equal(given, right):
        return
    for mistake, hint in mistakes:
        try:
            matches = _equal(given, [mistake(*case) for case in cases])
        except (ValueError, IndexError, RuntimeError):
            continue
        if matches:
            raise AnswerError(hint)
    raise AnswerError(otherwise)


def _equal(some: Sequence[Any], others: Sequence[Any]) -> bool:
    pairs = zip(some, others, strict=True)
    return all(
        np.shape(a) == np.shape(b) and np.allclose(a, b, rtol=1e-4, atol=1e-6) for a, b in pairs
    )
