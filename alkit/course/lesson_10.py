"""Checks of lesson 10: accuracy by an audit, Wilson's interval, agreement of two people."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import stats

from alkit.course.mistakes import judge
from alkit.oracles import krippendorff_alpha

Texts = Sequence[Any]

WHYS = ("audit: drawn uniformly", "uncertain", "chosen after the audit", "audit")


def check_audit(answer: Callable[[Texts, Texts, Texts], float]) -> str:
    """Exercise 10-a: accuracy by the audit."""

    def share(rule: Callable[[Any, str], bool]) -> Callable[[Texts, Texts, Texts], float]:
        def of(guesses: Texts, labels: Texts, reasons: Texts) -> float:
            rows = [g == y for g, y, why in zip(guesses, labels, reasons) if rule(y, why)]
            return sum(rows) / len(rows)

        return of

    audit = share(lambda label, why: why.startswith("audit") and label is not None)

    def errors(*case: Texts) -> float:
        return 1 - audit(*case)

    def count(guesses: Texts, labels: Texts, reasons: Texts) -> float:
        size = sum(why.startswith("audit") and y is not None for y, why in zip(labels, reasons))
        return size * audit(guesses, labels, reasons)

    def of_all(guesses: Texts, labels: Texts, reasons: Texts) -> float:
        return count(guesses, labels, reasons) / len(labels)

    judge(
        answer,
        audit,
        [_answers(seed) for seed in range(3)],
        [
            (share(lambda label, why: label is not None), "the chosen samples are among them: they "
             "were chosen for being hard."),
            (share(lambda label, why: why.startswith("audit")), "a sample that somebody left out "
             "has no label: it is neither right nor wrong."),
            (share(lambda label, why: True), "all samples are counted: chosen ones, and those "
             "without a label."),
            (share(lambda label, why: not why.startswith("audit") and label is not None), "this is "
             "the accuracy on the chosen samples; the others measure it."),
            (share(lambda label, why: "audit" in why and label is not None), "'chosen after the "
             "audit' is the reason of a chosen sample: how does that of an audit sample begin?"),
            (share(lambda label, why: why == "audit" and label is not None), "a reason can have "
             "more words after 'audit'."),
            (errors, "this is the share of errors."),
            (count, "this is the number of correct guesses; divide it."),
            (of_all, "divide by the number of audit samples that have a label, not by all."),
        ],
        "take the samples whose reason begins with 'audit', without those whose label is None, and "
        "count the guesses that equal the label.",
    )  # fmt: skip
    return "Only samples that were drawn at random stand for all others."


def check_wilson(answer: Callable[[int, int], Any]) -> str:
    """Exercise 10-b: Wilson's interval."""

    def wilson(level: float = 0.95, shift: bool = True) -> Callable[[int, int], Any]:
        def of(k: int, n: int) -> tuple[float, float]:
            p, z = k / n, float(stats.norm.ppf(level))
            half = z * math.sqrt(p * (1 - p) / n + (z / n) ** 2 / 4)
            center, size = p + z * z / (2 * n) * shift, 1 + z * z / n
            return (center - half) / size, (center + half) / size

        return of

    def right(k: int, n: int) -> tuple[float, float]:
        ends = stats.binomtest(k, n).proportion_ci(0.9, method="wilson")
        return float(ends.low), float(ends.high)

    def wald(level: float) -> Callable[[int, int], Any]:
        def of(k: int, n: int) -> tuple[float, float]:
            p, z = k / n, float(stats.norm.ppf(level))
            half = z * math.sqrt(p * (1 - p) / n)
            return p - half, p + half

        return of

    def not_divided(k: int, n: int) -> tuple[float, float]:
        size = 1 + float(stats.norm.ppf(0.95)) ** 2 / n
        low, high = right(k, n)
        return low * size, high * size

    textbook = "this is the interval of Wald: for 20 correct of 20 it has no width at all."
    judge(
        answer,
        right,
        [(20, 20), (17, 20), (0, 7), (300, 400)],
        [
            (lambda k, n: right(k, n)[::-1], "the lower end should come first."),
            (wald(0.95), textbook),
            (wald(0.975), textbook),
            (wilson(0.975), "this is the 95 % interval: z is 1.96 there. For 90 %, 5 % are left on "
             "each side."),
            (wilson(0.9), "this contains the accuracy in 80 of 100 cases: it leaves 10 % on each "
             "side."),
            (wilson(shift=False), "the center is not p: the term z^2 / 2n is missing."),
            (not_divided, "center and half width are both divided by 1 + z^2 / n."),
            (lambda k, n: right(n - k, n), "this is the interval of the share of errors."),
        ],
        "for 17 correct of 20, p is 0.85 and z is 1.645: compute the center and the half width "
        "one by one.",
    )  # fmt: skip
    return "20 correct of 20 do not prove that the model is perfect: it may err at 1 in 8."


def check_alpha(answer: Callable[[Texts, Texts], float]) -> str:
    """Exercise 10-c: Krippendorff's alpha of two people."""

    def alpha(ann: Texts, bob: Texts) -> float:
        rows = [(k, who, y) for who, ys in (("Ann", ann), ("Bob", bob)) for k, y in enumerate(ys)]
        return krippendorff_alpha(rows)

    def observed(ann: Texts, bob: Texts) -> float:
        return sum(a != b for a, b in zip(ann, bob)) / len(ann)

    def scott(ann: Texts, bob: Texts) -> float:
        shares = np.array(list(Counter([*ann, *bob]).values())) / (2 * len(ann))
        return 1 - observed(ann, bob) / (1 - (shares**2).sum())

    def cohen(ann: Texts, bob: Texts) -> float:
        one, other = Counter(ann), Counter(bob)
        same = sum(one[y] * other[y] for y in one) / len(ann) ** 2
        return 1 - observed(ann, bob) / (1 - same)

    def halved(ann: Texts, bob: Texts) -> float:
        return 1 - 2 * (1 - alpha(ann, bob))

    judge(
        answer,
        alpha,
        [
            (list("aabbbcca"), list("aabbcccb")),
            (list("aaaaab"), list("aaaaba")),
            (list("abcdd"), list("abddc")),
        ],
        [
            (lambda a, b: 1 - observed(a, b), "this is the share of agreement: two people who "
             "always answer the most frequent class agree too."),
            (observed, "this is D_o alone: alpha is 1 for full agreement."),
            (scott, "two answers are drawn without replacement: the same answer is not drawn "
             "twice. This is Scott's pi."),
            (cohen, "both answers are drawn from all 2N answers, not one from each person. This is "
             "Cohen's kappa."),
            (lambda a, b: 1 - alpha(a, b), "this is D_o / D_e: alpha is 1 minus that."),
            (halved, "there are 2N (2N - 1) ordered pairs, or half as many unordered ones: count "
             "different answers and all pairs in the same way."),
        ],
        "for ann = ['a', 'a', 'b'] and bob = ['a', 'b', 'b'], D_o is 1/3 and D_e is 18/30: compute "
        "them one by one.",
    )  # fmt: skip
    return "Agreement counts only as far as it exceeds that of chance."


def _answers(seed: int) -> tuple[list[Any], ...]:
    """Guesses, labels and reasons of 40 samples; the chosen ones are harder, some have no label."""
    rng = np.random.default_rng(seed)
    guesses = rng.choice(["cat", "dog", "owl"], 40).tolist()
    whys = rng.choice(WHYS, 40).tolist()
    right = rng.random(40) < [0.75 if why.startswith("audit") else 0.5 for why in whys]
    labels = [guess if ok else "fox" for guess, ok in zip(guesses, right)]
    left_out = rng.random(40) < 0.2
    return guesses, [None if no else y for y, no in zip(labels, left_out)], whys


CHECKS = {"10-a": check_audit, "10-b": check_wilson, "10-c": check_alpha}
