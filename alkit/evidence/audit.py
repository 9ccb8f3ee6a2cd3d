"""Accuracy with an interval, from samples that were drawn uniformly and labeled: an audit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from alkit.arguments import check_number
from alkit.errors import ConfigurationError

FEW = 5  # audit samples below which nothing is stated in words


@dataclass(frozen=True)
class Interval:
    """Estimate with a confidence interval.

    Attributes:
        value: the estimate; NaN without samples.
        low, high: bounds of the interval.
        n: number of samples.
    """

    value: float
    low: float
    high: float
    n: int

    @property
    def known(self) -> bool:
        """True from 5 samples on."""
        return self.n >= FEW

    def __str__(self) -> str:
        if not self.known:
            return f"not known yet ({self.n} of at least {FEW} audit labels)"
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"


def accuracy(correct: ArrayLike, level: float = 0.9) -> Interval:
    """Accuracy of a model on all samples, from a uniform sample of them.

        print(accuracy(guesses == labels))      # 0.71 (0.60 to 0.80)

    The interval is that of Wilson 1927, "Probable inference, the law of succession, and statistical
    inference". It is meant for a small part of a large pool: for a large part it is too wide.

    Args:
        correct: ``(m,)`` booleans, True where the model predicted the label. The m samples must
            have been drawn uniformly, and the model must not have been trained on their labels.
        level: share of such intervals that contain the accuracy, in (0, 1).

    Raises:
        ConfigurationError: ``correct`` are not booleans ``(m,)``, or ``level`` is not in (0, 1).
    """
    right, level = _booleans("correct", correct), _checked(level)
    if not len(right):
        return Interval(math.nan, 0.0, 1.0, 0)
    hits = int(right.sum())
    bounds = stats.binomtest(hits, len(right)).proportion_ci(level, method="wilson")
    return Interval(hits / len(right), float(bounds.low), float(bounds.high), len(right))


def recalls(
    labels: ArrayLike, guesses: ArrayLike, classes: Sequence[str], level: float = 0.9
) -> dict[str, Interval]:
    """Recall of each class: the accuracy on the audit samples that are of this class.

    A class without audit samples has an interval from 0 to 1 with ``n = 0``.

    Args:
        labels: ``(m,)`` class numbers.
        guesses: ``(m,)`` class numbers that the model predicted.
        classes: ``(C,)`` names of the classes.
        level: confidence level of each interval, in (0, 1).

    Raises:
        ConfigurationError: the arrays are not class numbers, or have different lengths.
    """
    y, guessed = _numbers("labels", labels, len(classes)), _numbers("guesses", guesses)
    if len(y) != len(guessed):
        raise ConfigurationError(f"{len(y)} labels came with {len(guessed)} guesses.")
    return {
        name: accuracy((guessed == y)[y == number], level) for number, name in enumerate(classes)
    }


def difference(first: ArrayLike, second: ArrayLike, level: float = 0.9) -> Interval:
    """Accuracy of a first model minus that of a second one, on the same audit samples.

        d = (b' - c') / (m + 2),    b' = b + 1,    c' = c + 1,
        d +- z sqrt((b' + c' - (b' - c')^2 / (m + 2))) / (m + 2)

    for b samples that only the first model predicts, and c that only the second one does. The
    ``value`` is ``(b - c) / m``. This is the adjusted Wald interval of Bonett & Price 2012,
    "Adjusted Wald confidence interval for a difference of binomial proportions based on paired
    data", which Fagerland, Lydersen & Laake 2014, "Recommended tests and confidence intervals for
    paired binomial proportions", recommend for small samples.

    Args:
        first: ``(m,)`` booleans, True where the first model predicted the label.
        second: ``(m,)``, the same for the second model.
        level: confidence level, in (0, 1).

    Raises:
        ConfigurationError: the arrays are not booleans ``(m,)`` of one length.
    """
    one, other = _booleans("first", first), _booleans("second", second)
    level, m = _checked(level), len(one)
    if len(other) != m:
        raise ConfigurationError(
            f"both models must predict the same samples, got {m} and {len(other)}."
        )
    if not m:
        return Interval(math.nan, -1.0, 1.0, 0)
    only_one, only_other = int((one & ~other).sum()), int((other & ~one).sum())
    p, q = (only_one + 1) / (m + 2), (only_other + 1) / (m + 2)
    half = stats.norm.ppf((1 + level) / 2) * math.sqrt((p + q - (p - q) ** 2) / (m + 2))
    low, high = max(p - q - half, -1.0), min(p - q + half, 1.0)
    return Interval((only_one - only_other) / m, float(low), float(high), m)


def _checked(level: float) -> float:
    check_number("level", level, "a number in (0, 1)", lambda share: 0 < share < 1)
    return level


def _booleans(name: str, values: ArrayLike) -> np.ndarray:
    row = np.asarray(values)
    if row.ndim != 1 or (row.dtype != bool and row.size):
        raise ConfigurationError(
            f"{name} must be booleans (m,), such as guesses == labels, got {values!r}."
        )
    return row.astype(bool)


def _numbers(name: str, values: ArrayLike, classes: int | None = None) -> np.ndarray:
    row = np.asarray(values)
    whole = row.ndim == 1 and (row.dtype.kind in "iu" or not row.size)
    if not whole or (classes is not None and ((row < 0) | (row >= classes)).any()):
        among = "" if classes is None else f" from 0 to {classes - 1}"
        raise ConfigurationError(f"{name} must be class numbers (m,){among}, got {values!r}.")
    return row
