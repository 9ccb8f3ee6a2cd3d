"""Checks of lesson 2: area under a curve, labels needed, paired differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from alkit.course.answers import numbers
from alkit.errors import AnswerError
from alkit.evidence.statistics import areas, labels_needed

ANNOTATED = np.array([10, 20, 40, 100])
ACCURACIES = np.array([0.4, 0.6, 0.7, 0.9])


def average(answer: Callable[..., Any]) -> str:
    """02-a: the area under a curve, divided by its width."""
    found = float(numbers(answer(ANNOTATED, ACCURACIES), ()))
    right = float(areas(ANNOTATED, ACCURACIES[None])[0])
    widths = np.diff(ANNOTATED)
    if np.isclose(found, right):
        return "In this average, a long stretch of labels counts more than a short one."
    if np.isclose(found, right * widths.sum()):
        raise AnswerError("that is the area; an average lies between the lowest and the highest.")
    if np.isclose(found, ACCURACIES.mean()):
        raise AnswerError("every point counts equally, but some cover more labels than others.")
    steps = [widths @ heights / widths.sum() for heights in (ACCURACIES[1:], ACCURACIES[:-1])]
    if np.isclose(found, steps).any():
        raise AnswerError("that is the area under steps; straight lines join the points.")
    if np.isclose(found, right * widths.sum() / ANNOTATED[-1]):
        raise AnswerError("the curve begins at the first labels, not at 0: how wide is it?")
    raise AnswerError(f"for accuracies {ACCURACIES} at {ANNOTATED} labels, it is {found:.4g}.")


def needed(answer: Callable[..., Any]) -> str:
    """02-b: labels needed to reach a level; inf if it is not reached."""
    found = float(numbers(answer(ANNOTATED, ACCURACIES, 0.8), (), "the labels for 0.8"))
    if np.isclose(found, 100) or np.isclose(found, 40):
        raise AnswerError("that is a point of the curve; where does the line reach 0.8?")
    if found in (2, 3) or 2 < found < 4:
        raise AnswerError("that is the position of a point; how many labels does it have?")
    if not np.isclose(found, _needed(0.8)):
        raise AnswerError(
            f"between 0.7 at 40 labels and 0.9 at 100, the answer for 0.8 is {found:.4g}."
        )
    if answer(ANNOTATED, ACCURACIES, 0.95) != np.inf:
        raise AnswerError("0.95 was never reached; the labels needed are unknown.")
    for level in (0.9, 0.7, 0.45, 0.4, 0.3):
        found = float(numbers(answer(ANNOTATED, ACCURACIES, level), (), f"the labels for {level}"))
        if not np.isclose(found, _needed(level)):
            raise AnswerError(
                f"for level {level}, accuracies {ACCURACIES} and {ANNOTATED} labels, the answer is "
                f"{found:.4g}."
            )
    return "If a level was not reached, the labels needed are unknown; extrapolation is a guess."


def _needed(level: float) -> float:
    return float(labels_needed(ANNOTATED, ACCURACIES[None], level)[0])


def paired(answer: Callable[..., Any]) -> str:
    """02-c: mean of paired differences, and its standard error."""
    ours = np.array([0.90, 0.80, 0.85, 0.95, 0.75])
    theirs = np.array([0.88, 0.77, 0.84, 0.91, 0.72])
    mean, error = numbers(answer(ours, theirs), (2,), "the mean and its error")
    apart = ours - theirs
    if np.isclose(mean, -apart.mean()):
        raise AnswerError("ours is larger in every trial, but the mean difference is negative.")
    if not np.isclose(mean, apart.mean()):
        raise AnswerError(f"the mean of the differences {apart.round(2)} is not {mean:.4g}.")
    if np.isclose(error, apart.std(ddof=1) / np.sqrt(5)):
        return "Trials vary a lot; within trials, the difference is nearly always the same."
    if np.isclose(error, np.sqrt((ours.var(ddof=1) + theirs.var(ddof=1)) / 5)):
        raise AnswerError("this is the error for trials that are not paired; use the differences.")
    if np.isclose(error, apart.std(ddof=1)) or np.isclose(error, apart.std()):
        raise AnswerError("that is the spread of one trial; the mean of five varies less.")
    if np.isclose(error, apart.std() / np.sqrt(5)):
        raise AnswerError("the deviation is divided by T; use ddof=1 in numpy for T - 1.")
    raise AnswerError(f"the standard error of the differences {apart.round(2)} is not {error:.4g}.")


CHECKS = {"02-a": average, "02-b": needed, "02-c": paired}
