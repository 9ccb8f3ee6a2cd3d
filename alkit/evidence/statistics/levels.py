"""Labels needed to reach a level, and labels saved; bounds where a level was not reached.

A trial that did not reach a level would need more labels than it spent; how many more is unknown.
Its labels are therefore bounds, from the labels spent to infinity. Medians, differences and the
bootstrap propagate these bounds, so a result may be "at least", "at most" or "unknown".
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from alkit.evidence.statistics.curves import monotone
from alkit.evidence.statistics.intervals import resamples, tail


def labels_needed(
    annotated: np.ndarray, values: np.ndarray, level: float, *, rising: bool = True
) -> np.ndarray:
    """Fewest labels at which each trial reached a level, on its monotone curve.

    Straight lines join the points of the isotonic fit. A level that the first point already
    reaches costs the labels of that point.

    Args:
        annotated: ``(R,)`` labels at each point, ascending.
        values: ``(T, R)`` results of each trial at these points.
        level: the result to reach.
        rising: True if higher is better.

    Returns:
        ``(T,)`` labels; ``inf`` where the level was not reached.
    """
    sign = 1 if rising else -1
    curves = sign * monotone(values, rising=rising)
    return np.array([_first(annotated, curve, sign * level) for curve in curves])


def _first(annotated: np.ndarray, curve: np.ndarray, level: float) -> float:
    slack = 1e-12 * max(1.0, abs(level))  # rounding can put a mean of equal values below them
    place = int(np.searchsorted(curve, level - slack))
    if place == len(curve):
        return math.inf
    if place == 0:
        return float(annotated[0])
    share = min(1.0, (level - curve[place - 1]) / (curve[place] - curve[place - 1]))
    return float(annotated[place - 1] + share * (annotated[place] - annotated[place - 1]))


@dataclass(frozen=True)
class Bounds:
    """Bounds of a median number of labels, with a 95 % interval that may be open.

    Attributes:
        least: the smallest possible value; ``-inf`` if unknown.
        most: the largest possible value; equal to ``least`` if the number is known, ``inf`` if
            unknown.
        low: lower end of the interval, by the bootstrap over trials; NaN for one trial.
        high: upper end of the interval.
    """

    least: float
    most: float
    low: float
    high: float

    def __str__(self) -> str:
        return in_words(self.least, self.most)


def in_words(least: float, most: float) -> str:
    """Bounds as text: "320", "120 to 320", "at least 320", "at most 320", "unknown"; "" for NaN."""
    if math.isnan(least) or math.isnan(most):
        return ""
    if math.isinf(least) or math.isinf(most):
        if math.isfinite(least):
            return f"at least {least:,.0f}"
        return f"at most {most:,.0f}" if math.isfinite(most) else "unknown"
    same = round(least) == round(most)
    return f"{least:,.0f}" if same else f"{least:,.0f} to {most:,.0f}"


def median_needed(needed: np.ndarray, spent: float) -> Bounds:
    """Median over trials of the labels needed to reach a level, with its interval.

    Args:
        needed: ``(T,)``, from ``labels_needed``.
        spent: labels at the end of the trials; a level that was not reached costs more.
    """
    low, high = _possible(needed, spent)
    return _bounds(len(needed), lambda t: (np.median(low[t], -1), np.median(high[t], -1)))


def labels_saved(
    reference: np.ndarray, reference_spent: float, needed: np.ndarray, spent: float
) -> Bounds:
    """Labels saved at one level: median of the reference minus median of the other strategy.

    For the interval, both strategies are resampled with the same trials, since these are paired.

    Args:
        reference: ``(T,)`` labels that the reference needed; ``inf`` where it did not reach the
            level.
        reference_spent: labels at the end of the reference's trials.
        needed: ``(T,)`` labels that the other strategy needed in the same trials.
        spent: labels at the end of the other strategy's trials.

    Returns:
        Labels saved; negative where the reference needed fewer.
    """
    low, high = _possible(reference, reference_spent)
    other_low, other_high = _possible(needed, spent)

    def saved(trials: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        fewest = np.median(low[trials], -1) - np.median(other_high[trials], -1)
        most = np.median(high[trials], -1) - np.median(other_low[trials], -1)
        return fewest, most

    return _bounds(len(reference), saved)


def _possible(needed: np.ndarray, spent: float) -> tuple[np.ndarray, np.ndarray]:
    return np.where(np.isinf(needed), spent, needed), needed


def _bounds(trials: int, of: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]) -> Bounds:
    least, most = map(float, of(np.arange(trials)))
    if trials < 2:
        return Bounds(least, most, math.nan, math.nan)
    fewest, highest = of(resamples(trials))
    share = tail(trials)
    # exact order statistics: there is no interpolation between a number and infinity
    low = float(np.quantile(fewest, share, method="lower"))
    high = float(np.quantile(highest, 1 - share, method="higher"))
    return Bounds(least, most, low, high)
