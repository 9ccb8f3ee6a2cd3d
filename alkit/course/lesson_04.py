"""Checks of lesson 4, criteria: a score from its formula, a sum of ranks, costs of mistakes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from alkit.course.mistakes import judge
from alkit.criteria import Criterion, Entropy, Margin, MinMax, Rank, ZScore
from alkit.errors import AnswerError
from alkit.prediction import Prediction

UPSIDE_DOWN = "the score is highest where the model is most certain: is the sign right?"


def _drawn(rows: int, classes: int, scale: float = 2.0, seed: int = 4) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(rows, classes, generator=generator, dtype=torch.float64)
    return logits.softmax(-1)


def check_ratio(answer: Callable[[Tensor], Tensor]) -> str:
    """Exercise 04-a: the second largest probability over the largest."""

    def ratio(p: Tensor) -> Tensor:
        best = p.sort(dim=-1, descending=True).values
        return best[:, 1] / best[:, 0]

    def unsorted(p: Tensor) -> Tensor:
        return p[:, 1] / p[:, 0]

    judge(
        answer,
        ratio,
        [(_drawn(9, 5),), (_drawn(4, 2),)],
        [
            (lambda p: -ratio(p), UPSIDE_DOWN),
            (lambda p: 1 - ratio(p), UPSIDE_DOWN),
            (lambda p: ratio(p).reciprocal(), "it is above 1, and infinite where the model is "
             "certain: which of the two is divided by which?"),
            (unsorted, "these are the first two columns, class 0 and class 1: use the two largest, "
             "whatever their classes."),
            (lambda p: unsorted(p.sort(dim=-1).values), "these are the two smallest: in which "
             "direction is a row sorted?"),
            (lambda p: p.amin(-1) / p.amax(-1), "this divides the smallest probability by the "
             "largest: with three or more classes, the smallest is not the second."),
            (lambda p: 1 - (p.topk(2).values[:, 0] - p.topk(2).values[:, 1]), "this is the margin, "
             "a difference: compute a quotient."),
            (lambda p: ratio(p) / ratio(p).max(), "the score of a row depends on the other rows: "
             "use one row alone."),
        ],
        "for the probabilities 0.2, 0.6 and 0.2 it is one third: try one row by hand.",
    )  # fmt: skip
    return "The ratio and the margin agree on ties, and differ in how they rank the rest."


def check_equal_say(answer: Criterion | Callable[[], Criterion]) -> str:
    """Exercise 04-b: the sum of two ranks."""
    if not isinstance(answer, Criterion) and callable(answer):
        answer = answer()
    if not isinstance(answer, Criterion):
        raise AnswerError(f"expected a criterion, combined from others by + and *; got {answer!r}.")
    prediction = Prediction(_drawn(60, 6), kind="probabilities")
    margin, entropy = Margin(), Entropy()

    def order(criterion: Criterion) -> list[int]:
        return criterion(prediction).argsort().tolist()

    given = _steps(answer(prediction))
    if torch.equal(given, _steps((Rank(margin) + Rank(entropy))(prediction))):
        return "Only the two ranks count, whatever the units of the scores."
    if torch.equal(given, _steps(-(Rank(margin) + Rank(entropy))(prediction))):
        raise AnswerError(UPSIDE_DOWN)
    found = order(answer)
    hints = [
        (margin, "the margin decides alone: the entropy has no influence."),
        (entropy, "the entropy decides alone: the margin has no influence."),
        (margin + entropy, "the scores are added in their own units, and those of the entropy are "
         "larger: bring both to one scale first."),
        (margin * entropy, "this is a product of scores: the score should depend only on the two "
         "ranks."),
        (Rank(margin) * Rank(entropy), "in a product the lower of the two ranks counts more: add "
         "them."),
        (Rank(margin + entropy), "the scores are added first, in their own units: bring each to "
         "one scale before you add them."),
        (MinMax(margin) + MinMax(entropy), "MinMax keeps the distribution of the scores, so one "
         "outlier shifts all the others: there is a scale that uses only ranks."),
        (ZScore(margin) + ZScore(entropy), "a z-score keeps the distribution of the scores: there "
         "is a scale that uses only ranks."),
    ]  # fmt: skip
    for wrong, hint in hints:
        if found == order(wrong):
            raise AnswerError(hint)
    raise AnswerError(
        "the order is not that of the two ranks with equal weight: is each criterion brought to "
        "one scale, and do both have the same weight?"
    )


def _steps(scores: Tensor) -> Tensor:
    """Rank of each score among the distinct scores; scores that differ by rounding are equal."""
    return (scores.double() - scores.double().min()).mul(1e5).round().unique(return_inverse=True)[1]


def check_expected_cost(answer: Callable[[Tensor], Criterion]) -> str:
    """Exercise 04-c: expected cost of the cheapest guess."""
    if isinstance(answer, Criterion) or not callable(answer):
        raise AnswerError(f"expected a class, got {answer!r}: pass ExpectedCost itself.")

    def given(p: Tensor, cost: Tensor) -> Tensor:
        return answer(cost).score(Prediction(p, kind="probabilities"))

    def likeliest(p: Tensor, cost: Tensor) -> Tensor:
        return (p * cost.T[p.argmax(-1)]).sum(-1)

    generator = torch.Generator().manual_seed(44)
    cases = []
    for classes in (2, 3, 5):
        cost = 10 * torch.rand(classes, classes, generator=generator, dtype=torch.float64)
        cases.append((_drawn(12, classes, seed=classes), cost.fill_diagonal_(0)))
    judge(
        given,
        lambda p, cost: (p @ cost).amin(-1),
        cases,
        [
            (lambda p, cost: -(p @ cost).amin(-1), UPSIDE_DOWN),
            (lambda p, cost: (p @ cost.T).amin(-1), "true class and guess are swapped: cost[t, g] "
             "has the true class first."),
            (lambda p, cost: (p @ cost).amax(-1), "this is the guess that costs most: a careful "
             "model chooses the one that costs least."),
            (lambda p, cost: (p @ cost).mean(-1), "this is the mean over all guesses: the model "
             "makes only one guess."),
            (lambda p, cost: (p @ cost).sum(-1), "this is the sum over all guesses: the model "
             "makes only one guess."),
            (lambda p, cost: (p @ cost).argmin(-1), "this is the index of the guess, not its "
             "cost."),
            (likeliest, "the guess here is the most probable class. If a mistake is expensive, "
             "another guess may have a lower expected cost."),
            (lambda p, cost: 1 - p.amax(-1), "the costs are not used."),
            (lambda p, cost: p @ cost, "return one score per candidate: that of which guess?"),
        ],
        "sum over the true classes, each weighted by its probability, once for every guess; then "
        "choose among the guesses.",
    )  # fmt: skip
    return "If every mistake costs 1, this is least confidence: the cost matrix generalizes it."


CHECKS = {"04-a": check_ratio, "04-b": check_equal_say, "04-c": check_expected_cost}
