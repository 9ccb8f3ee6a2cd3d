"""Tests of paired differences: could two equally good strategies differ this much by chance?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats


def t_test(differences: np.ndarray, overlap: float = 0.0) -> float:
    """Two-sided p of a mean difference over paired trials: Student's t, corrected for overlap.

    Trials that share one data split and differ in their seeds are independent: ``overlap`` is 0,
    and this is the paired t-test. If each trial draws its own split from the same samples, training
    sets overlap and the plain test finds too many differences. With ``overlap`` = test samples /
    training samples, this is the corrected resampled t-test of Nadeau and Bengio (2003),
    ``t = mean / (sd * sqrt(1 / T + overlap))``.

    If all differences are equal, there is no spread to test against. Then p is that of the sign
    test: 2 / 2^T, or 1 if all differences are zero.

    Args:
        differences: ``(T,)``, one per trial.
        overlap: test samples / training samples if trials resample the split, else 0.

    Returns:
        p in (0, 1]; NaN for one trial.
    """
    trials = len(differences)
    if trials < 2:
        return math.nan
    mean, spread = float(np.mean(differences)), float(np.std(differences, ddof=1))
    if spread <= 1e-12 * abs(mean):
        return least_p(trials) if mean else 1.0
    t = mean / (spread * math.sqrt(1 / trials + overlap))
    return float(2 * stats.t.sf(abs(t), trials - 1))


def signed_rank_test(differences: np.ndarray) -> float:
    """Two-sided p of Wilcoxon's signed-rank test (1945), exact up to 13 trials, ties included.

    It assumes less than the t-test: symmetry instead of a normal distribution. Trials without a
    difference carry no information and are left out.

    Args:
        differences: ``(T,)``, one per trial.

    Returns:
        p in (0, 1], never below ``least_p``; 1 if no trial differs.
    """
    differences = np.asarray(differences, dtype=float)
    differing = differences[differences != 0]
    trials = len(differing)
    if not trials:
        return 1.0
    if trials > 13:
        result: Any = stats.wilcoxon(differing)  # exact up to 50 trials without ties
        return float(result.pvalue)
    ranks = stats.rankdata(abs(differing))
    signs = (np.arange(2**trials)[:, None] >> np.arange(trials)) % 2 * 2 - 1  # all patterns
    return float(np.mean(abs(signs @ ranks) >= abs(np.sign(differing) @ ranks)))


def least_p(trials: int) -> float:
    """Smallest two-sided p that signs or signed ranks of T trials can give: 2 / 2^T.

    For 5 trials it is 0.0625, so no difference is significant at 0.05; for 6 it is 0.03.
    """
    return min(1.0, 2.0 ** (1 - trials))


def holm(p: Sequence[float]) -> np.ndarray:
    """p-values of several tests after Holm's correction (1979): ``(M,)`` to ``(M,)``.

    Without any true difference, the probability that any of them falls below 0.05 is at most 0.05.
    NaN marks a test that could not be made: it stays NaN and is not counted.
    """
    given = np.asarray(p, dtype=float)
    adjusted = np.full(len(given), math.nan)
    order = np.argsort(given)[: int(np.isfinite(given).sum())]  # NaN sorts last
    raised = given[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(raised))
    return adjusted
