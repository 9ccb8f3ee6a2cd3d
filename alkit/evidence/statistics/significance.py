"""Tests of paired differences: could trials of two equal strategies differ so much?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats


def t_test(differences: np.ndarray, overlap: float = 0.0) -> float:
    """Two-sided p of a mean difference over paired trials: Student's t, corrected for overlap.

    Trials that share their data split, and differ by seeds, are independent: ``overlap`` 0, the
    paired t-test. Where each trial draws a split of its own from the same samples, training sets
    overlap and the plain test finds too much: with ``overlap`` = test samples / training samples
    this is the corrected resampled t-test of Nadeau and Bengio (2003),
    ``t = mean / (sd * sqrt(1 / T + overlap))``.

    Differences that are all the same leave no spread to judge by. Then p is that of their signs:
    2 / 2^T, or 1 where they are all zero.

    Args:
        differences: ``(T,)``, one a trial.
        overlap: test samples / training samples, where trials resample the split.

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

    It asks less of the data than the t-test: symmetry in place of a normal distribution. Trials
    without a difference say nothing and are left out.

    Args:
        differences: ``(T,)``, one a trial.

    Returns:
        p in (0, 1], never below ``least_p``; 1 where no trial differs.
    """
    differences = np.asarray(differences, dtype=float)
    differing = differences[differences != 0]
    trials = len(differing)
    if not trials:
        return 1.0
    if trials > 13:
        result: Any = stats.wilcoxon(differing)  # exact up to 50 trials, where no two are tied
        return float(result.pvalue)
    ranks = stats.rankdata(abs(differing))
    signs = (np.arange(2**trials)[:, None] >> np.arange(trials)) % 2 * 2 - 1  # all that can be
    return float(np.mean(abs(signs @ ranks) >= abs(np.sign(differing) @ ranks)))


def least_p(trials: int) -> float:
    """The least two-sided p that signs or signed ranks of so many trials can give: 2 / 2^T.

    0.0625 for 5 trials, so that no difference whatever is significant at 0.05; 0.03 for 6.
    """
    return min(1.0, 2.0 ** (1 - trials))


def holm(p: Sequence[float]) -> np.ndarray:
    """p-values of several tests after Holm's correction (1979): ``(M,)`` to ``(M,)``.

    The chance that any of them falls below 0.05 with no true difference is at most 0.05.
    NaN stands for a test that could not be made: it stays, and does not count.
    """
    given = np.asarray(p, dtype=float)
    adjusted = np.full(len(given), math.nan)
    order = np.argsort(given)[: int(np.isfinite(given).sum())]  # NaN is sorted to the end
    raised = given[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(raised))
    return adjusted
