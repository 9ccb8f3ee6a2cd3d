"""Intervals of differences that were measured by resampling the same labels again and again."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from alkit.evidence.statistics.intervals import LEVEL


def crossed_interval(differences: np.ndarray, weights: np.ndarray) -> tuple[float, float, float]:
    """Mean difference over resamples and tested samples, with its 95 % interval.

    Each resample trains on some of A labels and tests on others, so differences hang together by
    resample and by label. The variance of the mean is taken as the sum of two, of the means of
    resamples and of the means of labels. In a model with a random effect of each, that is too much
    by the noise, which is counted twice. What resamples share otherwise, as they train on the same
    labels, is left out.

    Measured with half of 50 or 100 labels tested in 20 resamples, in 12 settings of 60 repeats (a
    linear model; digits, random labels, and a pool that repeats itself): it contained the truth in
    97 % of cases (median; 87 % at worst, in the pool that repeats itself). The corrected resampled
    t-test of Nadeau and Bengio (2003) contained it in 97 to 100 %, with intervals about three times
    as wide: it takes resamples to be correlated by their share of test samples, and differences of
    two models in one resample are hardly so.

    Args:
        differences: ``(B, A)``; NaN where a resample did not test a label.
        weights: ``(A,)`` weight of each label.

    Returns:
        The mean, and the lower and upper end; the ends are NaN for one resample.
    """
    tested = ~np.isnan(differences)
    filled = np.where(tested, differences, 0.0)
    by_resample = (filled @ weights) / (tested @ weights)
    mean, resamples = float(by_resample.mean()), len(differences)
    if resamples < 2:
        return mean, math.nan, math.nan
    seen = tested.any(0)
    by_label = filled[:, seen].sum(0) / tested[:, seen].sum(0)
    share = weights[seen] / weights[seen].sum()
    labels = int(seen.sum())
    of_labels = float((share**2) @ (by_label - share @ by_label) ** 2) * labels / max(labels - 1, 1)
    error = math.sqrt(float(by_resample.var(ddof=1)) / resamples + of_labels)
    half = float(stats.t.ppf((1 + LEVEL) / 2, resamples - 1)) * error
    return mean, mean - half, mean + half
