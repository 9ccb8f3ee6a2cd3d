"""Summaries of learning curves: one number per trial."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import stats
from scipy.optimize import isotonic_regression


def areas(annotated: np.ndarray, values: np.ndarray, *, log: bool = False) -> np.ndarray:
    """Area under each budget curve: the mean result over the labels spent, by trapezoids.

    With ``log``, the mean is taken over the logarithm of the labels. Low budgets, where a curve is
    steep, then weigh as much as high ones.

    Args:
        annotated: ``(R,)`` labels at each point, ascending.
        values: ``(T, R)`` results of each trial at these points.
        log: mean over the logarithm; NaN if a curve starts without labels.

    Returns:
        ``(T,)``, in the unit of ``values``; for a single point, its value.
    """
    if len(annotated) < 2:
        return values.mean(1)
    if log and annotated[0] <= 0:
        return np.full(len(values), math.nan)
    x = np.log(annotated) if log else np.asarray(annotated, dtype=float)
    between = (values[:, 1:] + values[:, :-1]) / 2
    return between @ np.diff(x) / (x[-1] - x[0])


def monotone(values: np.ndarray, *, rising: bool = True) -> np.ndarray:
    """Nearest curves that never fall (or never rise), by isotonic regression.

    Args:
        values: ``(T, R)``.
        rising: True if higher is better.

    Returns:
        ``(T, R)``. Cost: O(T R).
    """
    fitted = [isotonic_regression(row, increasing=rising).x for row in values]
    return np.array(fitted, dtype=float).reshape(np.shape(values))


def improves(values: np.ndarray, *, rising: bool = True) -> bool:
    """True if the curves of a strategy improve by more than their noise.

    The slope of a straight line through each trial's curve, over its rounds, is tested against
    zero: Student's t over trials, one-sided at 0.05. Of a single trial, Kendall's tau of its
    results and rounds is tested at the same level, so fewer than four rounds never suffice; results
    that hang together by round, as with a warm start, pass more often.

    Args:
        values: ``(T, R)``.
        rising: True if higher is better.
    """
    trials, rounds = np.shape(values)
    values = np.asarray(values, dtype=float) * (1 if rising else -1)
    if rounds < 2:
        return False
    if trials == 1:
        trend: Any = stats.kendalltau(np.arange(rounds), values[0].round(12), alternative="greater")
        return bool(trend.pvalue < 0.05)
    slopes = values @ (np.arange(rounds) - (rounds - 1) / 2)
    error = float(slopes.std(ddof=1)) / math.sqrt(trials)
    return bool(slopes.mean() > max(stats.t.ppf(0.95, trials - 1) * error, 1e-12))
