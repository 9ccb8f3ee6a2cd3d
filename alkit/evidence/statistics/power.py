"""How many trials a difference asks for."""

from __future__ import annotations

import math

from scipy import stats


def power(trials: int, difference: float, spread: float) -> float:
    """The chance that a paired t-test finds a difference, two-sided, at 0.05.

    Exact: the square of a noncentral t is a noncentral F, which holds both sides.

    Args:
        trials: paired trials, at least 2.
        difference: the true mean difference.
        spread: standard deviation of the differences over trials, above 0.

    Returns:
        In [0.05, 1].
    """
    free = trials - 1
    edge = stats.t.ppf(0.975, free)
    shift = trials * (difference / spread) ** 2
    return float(stats.ncf.sf(edge**2, 1, free, shift))


def trials_needed(difference: float, spread: float, chance: float = 0.8) -> float:
    """Paired trials with which a t-test at 0.05 finds a difference with this chance.

    Args:
        difference: the true mean difference that should be found.
        spread: standard deviation of the differences over trials.
        chance: of finding it, the power.

    Returns:
        A whole number, at least 2; ``inf`` for no difference, NaN where the spread is not known.
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
