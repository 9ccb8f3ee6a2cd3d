"""95 % intervals over trials."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

LEVEL = 0.95


def bootstrap_interval(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """95 % bootstrap interval of the mean over trials: 10,000 resamples, always the same.

    With few trials, the percentiles are taken further out, by the factor that makes a t interval
    wider than a normal one (Hesterberg 2015, "What teachers should know about the bootstrap",
    section 4.3): plain percentiles of five trials cover about 84 %, not 95 %. Below six trials, the
    interval comes close to the range of the trials, which it cannot exceed.

    Args:
        values: ``(T, ...)``, one entry per trial.

    Returns:
        Lower and upper ends, each with the shape of one trial; NaN for one trial. Cost: 10,000 T
        for each number of a trial.
    """
    values = np.asarray(values, dtype=float)
    trials = len(values)
    if trials < 2:
        nothing = np.full(values.shape[1:], math.nan)
        return nothing, nothing.copy()
    drawn = resamples(trials)
    counts = np.zeros((len(drawn), trials))
    np.add.at(counts, (np.arange(len(drawn))[:, None], drawn), 1)
    means = (counts / trials) @ values.reshape(trials, -1)
    ends = np.quantile(means, [tail(trials), 1 - tail(trials)], axis=0)
    low, high = ends.reshape(2, *values.shape[1:])
    return low, high


def t_interval(differences: np.ndarray, overlap: float = 0.0) -> tuple[float, float]:
    """95 % interval of a mean difference over paired trials, by Student's t.

    Args:
        differences: ``(T,)``, one per trial.
        overlap: test samples / training samples if trials resample the split; see ``t_test``.

    Returns:
        Lower and upper end; NaN for one trial.
    """
    trials = len(differences)
    if trials < 2:
        return math.nan, math.nan
    mean, spread = float(np.mean(differences)), float(np.std(differences, ddof=1))
    half = stats.t.ppf((1 + LEVEL) / 2, trials - 1) * spread * math.sqrt(1 / trials + overlap)
    return float(mean - half), float(mean + half)


def resamples(trials: int, count: int = 10_000) -> np.ndarray:
    """Trials drawn with replacement: ``(count, T)`` positions, the same in each call."""
    return np.random.default_rng(0).integers(trials, size=(count, trials))


def tail(trials: int) -> float:
    """Share of resamples to cut off at each end for a 95 % interval."""
    wider = math.sqrt(trials / (trials - 1))
    return float(stats.norm.cdf(-wider * stats.t.ppf((1 + LEVEL) / 2, trials - 1)))
