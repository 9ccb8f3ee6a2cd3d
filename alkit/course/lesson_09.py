"""Checks of lesson 9, fair comparison: steps, paired intervals, pairwise wins."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import stats

from alkit.course.mistakes import judge

Interval = tuple[float, float]


def check_steps(answer: Callable[[int, int, int], float]) -> str:
    """Exercise 09-a: the ratio of gradient steps."""

    def ratio(joint: float, annotated: float) -> float:
        return 5 * joint / (10 * annotated)

    def steps(annotated: int, unannotated: int, size: int) -> float:
        longer = max(annotated, unannotated)
        return ratio(math.ceil(longer / size), math.ceil(annotated / size))

    def inverted(*case: int) -> float:
        return 1 / steps(*case)

    def fractions(annotated: int, unannotated: int, size: int) -> float:
        return ratio(max(annotated, unannotated) / size, annotated / size)

    def floors(annotated: int, unannotated: int, size: int) -> float:
        return ratio(max(annotated, unannotated) // size, max(annotated // size, 1))

    def unannotated_alone(annotated: int, unannotated: int, size: int) -> float:
        return ratio(math.ceil(unannotated / size), math.ceil(annotated / size))

    def both_together(annotated: int, unannotated: int, size: int) -> float:
        return ratio(math.ceil((annotated + unannotated) / size), math.ceil(annotated / size))

    judge(
        answer,
        steps,
        [(120, 59_880, 128), (40, 1260, 32), (1000, 300, 64), (130, 870, 50)],
        [
            (inverted, "this is below 1 if the joint set is long: which is divided by which?"),
            (fractions, "a batch that is not full takes a whole step: 120 samples in batches of "
             "128 are one step, not 0.94."),
            (floors, "a last batch that is not full also takes a step: it was left out."),
            (unannotated_alone, "try 1,000 annotated and 300 unannotated samples: how long is "
             "the joint set then?"),
            (both_together, "the joint set is as long as the larger part, not as both together."),
            (lambda *case: 2 * steps(*case), "are the passes counted? One strategy makes 10, the "
             "other 5."),
        ],
        "with 120 annotated and 59,880 unannotated samples, in batches of 128, the first strategy "
        "takes 10 steps. Count those of the second in the same way.",
    )  # fmt: skip
    return "Passes do not measure training: count gradient steps, and make them equal."


def check_interval(answer: Callable[[Any, Any], Interval]) -> str:
    """Exercise 09-b: interval of a paired difference."""

    def interval(level: float = 0.975, ddof: int = 1, root: bool = True) -> Callable[..., Any]:
        def of(ours: np.ndarray, theirs: np.ndarray) -> Interval:
            d = ours - theirs
            half = stats.t.ppf(level, len(d) - 1) * d.std(ddof=ddof)
            half /= math.sqrt(len(d)) if root else 1
            return d.mean() - half, d.mean() + half

        return of

    paired = interval()

    def welch(ours: np.ndarray, theirs: np.ndarray) -> Interval:
        test = stats.ttest_ind(ours, theirs, equal_var=False)
        return tuple(test.confidence_interval())

    def pooled(ours: np.ndarray, theirs: np.ndarray) -> Interval:
        test = stats.ttest_ind(ours, theirs)
        return tuple(test.confidence_interval())

    def normal(z: float) -> Callable[..., Any]:
        def of(ours: np.ndarray, theirs: np.ndarray) -> Interval:
            d = ours - theirs
            half = z * d.std(ddof=1) / math.sqrt(len(d))
            return d.mean() - half, d.mean() + half

        return of

    def halfway(ours: np.ndarray, theirs: np.ndarray) -> Interval:
        d = ours - theirs
        half = stats.t.ppf(0.975, len(d)) * d.std(ddof=1) / math.sqrt(len(d))
        return d.mean() - half, d.mean() + half

    apart = "this is the interval for two independent groups: use the differences, "
    apart += "trial by trial."
    few = (
        "this is too narrow for a few trials: 1.96 belongs to a normal distribution, not Student's."
    )
    judge(
        answer,
        paired,
        [_pairs(6, 0), _pairs(5, 1), _pairs(12, 2)],
        [
            (lambda a, b: paired(a, b)[::-1], "the lower end should come first."),
            (lambda a, b: paired(b, a), "this is theirs minus ours: the sign is wrong."),
            (welch, apart),
            (pooled, apart),
            (normal(1.96), few),
            (normal(float(stats.norm.ppf(0.975))), few),
            (interval(ddof=0), "the standard deviation of a sample divides by T - 1: numpy's std "
             "divides by T by default."),
            (interval(0.95), "this contains the true difference in 90 of 100 studies: it leaves "
             "5 % on each side."),
            (interval(root=False), "this describes where single trials fall. Their mean is more "
             "precise, the more trials there are."),
            (halfway, "Student's t has one degree of freedom less than the number of trials."),
        ],
        "the center should be the mean difference, and the half width the 97.5 % point of "
        "Student's t times the standard error of that mean: check both.",
    )  # fmt: skip
    return "Pairs remove the luck of the start, which both strategies share."


def check_beats(answer: Callable[[np.ndarray], Any]) -> str:
    """Exercise 09-c: pairwise wins in a round."""

    def matrix(rule: Callable[[np.ndarray, np.ndarray], bool]) -> Callable[..., np.ndarray]:
        return lambda values: np.array([[float(rule(a, b)) for b in values] for a in values])

    def p(a: np.ndarray, b: np.ndarray) -> float:
        test = stats.ttest_rel(a, b)
        return 1.0 if a is b or np.array_equal(a, b) else test.pvalue

    def apart(a: np.ndarray, b: np.ndarray) -> float:
        test: Any = stats.ttest_ind(a, b)
        return test.pvalue

    beats = matrix(lambda a, b: a.mean() > b.mean() and p(a, b) < 0.05)
    judge(
        answer,
        beats,
        [(_round(seed),) for seed in range(3)],
        [
            (lambda values: beats(values).T, "row and column are swapped: entries are 1 where "
             "the column beat the row."),
            (matrix(lambda a, b: a.mean() > b.mean()), "a higher mean alone is not a win: it can "
             "be due to chance."),
            (matrix(lambda a, b: a.mean() > b.mean() and apart(a, b) < 0.05), "wins are missing: "
             "that test treats the trials as independent, but they are pairs."),
            (matrix(lambda a, b: p(a, b) < 0.05), "two strategies cannot both beat each other: "
             "which one has the higher mean?"),
            (lambda values: beats(values) + np.eye(len(values)), "no strategy beats itself: the "
             "diagonal should be 0."),
            (matrix(lambda a, b: a.mean() > b.mean() and p(a, b) >= 0.05), "the p-value of a win "
             "is small, not large."),
        ],
        "entries are 1 where the mean of the row is higher and p is below 0.05; check one pair by "
        "hand.",
    )  # fmt: skip
    return "A win has a direction and a test; only the interval shows how large it is."


def _pairs(trials: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Areas of paired trials that share their start."""
    rng = np.random.default_rng(seed)
    start = 0.8 + 0.03 * rng.standard_normal(trials)
    return start + 0.02 + 0.01 * rng.standard_normal(trials), start


def _round(seed: int) -> tuple[np.ndarray, ...] | np.ndarray:
    """Results ``(4, 8)``: a baseline, two better strategies, one equal up to noise; shared luck."""
    rng = np.random.default_rng(seed)
    gains = np.array([0.0, 0.03, 0.002, 0.06])[:, None]
    luck, noise = rng.standard_normal(8), rng.standard_normal((4, 8))
    return 0.8 + 0.05 * luck + gains + 0.01 * noise


CHECKS = {"09-a": check_steps, "09-b": check_interval, "09-c": check_beats}
