"""Answers that are wrong in a known way: what is wrong is said, not what is right."""

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
    """Compare a function with the solution; a difference is named after the mistake that makes it.

    Args:
        answer: the function to judge.
        solution: what it should return, numbers or an array, of the same arguments.
        cases: the arguments of each call.
        mistakes: wrong functions, each with what to say to an answer that equals it in all cases.
            The first that fits counts. One that fails on a case is no match.
        otherwise: what to say of any other wrong answer.

    Raises:
        AnswerError: the answer differs in a case, or returns something of another shape.
    """
    if not callable(answer):
        raise AnswerError(f"a function is expected here, got {answer!r}.")
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
