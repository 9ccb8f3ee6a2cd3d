"""Power of a comparison, and the number of trials needed to detect a difference."""

from __future__ import annotations

import math

from scipy import stats


def power(trials: int, difference: float, spread: float) -> float:
    """Probability that a two-sided paired t-test at 0.05 detects a difference.

    Exact: the square of a noncentral t is a noncentral F, which covers both sides.

    Args:
        trials: number of paired trials, at least 2.
        difference: the true mean difference.
        spread: standard deviation of the differences over trials, above 0.

    Returns:
        A probability in [0.05, 1].
    """
    free = trials - 1
    edge = stats.t.ppf(0.975, free)
    shift = trials * (difference / spread) ** 2
    return float(stats.ncf.sf(edge**2, 1, free, shift))


def trials_needed(difference: float, spread: float, chance: float = 0.8) -> float:
    """Number of paired trials with which a t-test at 0.05 detects a difference.

    Args:
        difference: the true mean difference to detect.
        spread: standard deviation of the differences over trials.
        chance: probability of detecting it, the power.

    Returns:
        A whole number, at least 2; ``inf`` for no difference, NaN if the spread is unknown.
        Cost: a few dozen evaluations of the noncentral F distribution.
    """
    if math.isnan(spread) or math.isnan(difference):
        return math.nan
    if difference == 0:
        return math.inf
    if spread == 0:
        return 2
    few, many = 1, 2
    while power(many, difference, spread) < chance:
        few, many = many, 2 * many
    while many - few > 1:
        middle = (few + many) // 2
        if power(middle, difference, spread) < chance:
            few = middle
        else:
            many = middle
    return many
