"""Labels that a level costs, and labels saved: what was not reached is never made up.

A trial that did not reach a level would need more labels than it spent, and nobody knows how many.
So its labels are carried as bounds, from those spent to infinity, through medians, differences and
the bootstrap: what comes out is "at least", "at most" or "unknown" where that is all there is.
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

    Straight lines join the points of the isotonic fit. A level that the first point has cost the
    labels of that point.

    Args:
        annotated: ``(R,)`` labels at each point, ascending.
        values: ``(T, R)`` the result of each trial there.
        level: to reach.
        rising: whether higher is better.

    Returns:
        ``(T,)`` labels; ``inf`` where the level was not reached.
    """
    sign = 1 if rising else -1
    curves = sign * monotone(values, rising=rising)
    return np.array([_first(annotated, curve, sign * level) for curve in curves])


def _first(annotated: np.ndarray, curve: np.ndarray, level: float) -> float:
    slack = 1e-12 * max(1.0, abs(level))  # a mean of equal values may be rounded to below them
    place = int(np.searchsorted(curve, level - slack))
    if place == len(curve):
        return math.inf
    if place == 0:
        return float(annotated[0])
    share = min(1.0, (level - curve[place - 1]) / (curve[place] - curve[place - 1]))
    return float(annotated[place - 1] + share * (annotated[place] - annotated[place - 1]))


@dataclass(frozen=True)
class Bounds:
    """A median number of labels, with its 95 % interval; open where trials leave it open.

    Attributes:
        least: the least that it can be; ``-inf`` where nothing is known.
        most: the most; the same as ``least`` where the number is known, ``inf`` where not.
        low: lower end of the interval by the bootstrap over trials, NaN for one trial.
        high: upper end.
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
    """The median over trials of the labels that a level cost, with its interval.

    Args:
        needed: ``(T,)`` of ``labels_needed``.
        spent: the labels at the end of the trials: what was not reached costs more.
    """
    low, high = _possible(needed, spent)
    return _bounds(len(needed), lambda t: (np.median(low[t], -1), np.median(high[t], -1)))


def labels_saved(
    reference: np.ndarray, reference_spent: float, needed: np.ndarray, spent: float
) -> Bounds:
    """Labels saved at one level: median of the reference less median of the other.

    The interval resamples trials, the same ones for both, since they are paired.

    Args:
        reference: ``(T,)`` labels that the reference needed, ``inf`` where it did not arrive.
        reference_spent: the labels at the end of its trials.
        needed: ``(T,)`` labels of the other in the same trials.
        spent: the labels at the end of its trials.

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
    # whole order statistics: between a number and infinity there is nothing to interpolate
    low = float(np.quantile(fewest, share, method="lower"))
    high = float(np.quantile(highest, 1 - share, method="higher"))
    return Bounds(least, most, low, high)
