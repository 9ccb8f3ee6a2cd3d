"""What a learning curve comes to: one number a trial."""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import isotonic_regression


def areas(annotated: np.ndarray, values: np.ndarray, *, log: bool = False) -> np.ndarray:
    """The area under each budget curve: the mean result over the labels spent, by trapezoids.

    With ``log`` the mean is taken over the logarithm of the labels, so that the low budgets, where
    a curve is steep, weigh as much as the high ones.

    Args:
        annotated: ``(R,)`` labels at each point, ascending.
        values: ``(T, R)`` the result of each trial there.
        log: over the logarithm; NaN where a curve starts at no label.

    Returns:
        ``(T,)``, in the unit of ``values``; of a single point, its value.
    """
    if len(annotated) < 2:
        return values.mean(1)
    if log and annotated[0] <= 0:
        return np.full(len(values), math.nan)
    x = np.log(annotated) if log else np.asarray(annotated, dtype=float)
    between = (values[:, 1:] + values[:, :-1]) / 2
    return between @ np.diff(x) / (x[-1] - x[0])


def monotone(values: np.ndarray, *, rising: bool = True) -> np.ndarray:
    """The curves that never fall (or never rise) nearest to these, by isotonic regression.

    Args:
        values: ``(T, R)``.
        rising: whether a good curve rises.

    Returns:
        ``(T, R)``. Cost: O(T R).
    """
    fitted = [isotonic_regression(row, increasing=rising).x for row in values]
    return np.array(fitted, dtype=float).reshape(np.shape(values))
