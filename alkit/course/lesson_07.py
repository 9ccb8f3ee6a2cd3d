"""Checks of lesson 7, adversarial: pairs told apart, a reversed discriminator, a penalty."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from alkit.course.mistakes import judge
from alkit.criteria import Criterion, HeadScore, Margin, Rank
from alkit.errors import AnswerError
from alkit.prediction import Prediction

SAME_SCALE = (
    "the scores are added in their own units, so one of them dominates: bring both to one scale "
    "first."
)


def check_share_of_pairs(answer: Callable[[Tensor, Tensor], float]) -> str:
    """Exercise 07-a: the share of pairs, with ties counted as one half."""

    def share(annotated: Tensor, unannotated: Tensor, tie: float = 0.5) -> float:
        difference = unannotated[:, None] - annotated[None, :]
        return float((difference > 0).double().mean() + tie * (difference == 0).double().mean())

    def pair_by_pair(annotated: Tensor, unannotated: Tensor) -> float:
        n = min(len(annotated), len(unannotated))
        return float((unannotated[:n] > annotated[:n]).double().mean())

    def above_mean(annotated: Tensor, unannotated: Tensor) -> float:
        return float((unannotated > annotated.mean()).double().mean())

    generator = torch.Generator().manual_seed(7)
    cases = [
        (
            torch.randint(0, 6, (n,), generator=generator).double(),
            torch.randint(1, 9, (m,), generator=generator).double(),
        )
        for n, m in ((5, 9), (12, 4), (6, 6))
    ]
    judge(
        answer,
        share,
        cases,
        [
            (lambda a, u: 1 - share(a, u), "this counts pairs in which the annotated sample is "
             "higher: it should be the unannotated one."),
            (lambda a, u: share(a, u, tie=0), "ties are not counted: each counts one half."),
            (lambda a, u: share(a, u, tie=1), "ties are counted in full: each counts one half."),
            (pair_by_pair, "this compares only the first with the first, the second with the "
             "second and so on: all pairs count."),
            (above_mean, "this compares the unannotated samples with the mean of the annotated "
             "ones: all pairs count."),
            (lambda a, u: share(a, u) * len(a) * len(u), "this is the number of pairs: return "
             "their share."),
            (lambda a, u: share(a, u) * len(u), "it should be a share of all pairs: divide by both "
             "numbers of samples."),
            (lambda a, u: share(a, u) * len(a), "it should be a share of all pairs: divide by both "
             "numbers of samples."),
            (lambda a, u: float(u.mean() - a.mean()), "this is the difference of the means: "
             "count pairs."),
        ],
        "with annotated heights 0 and 2 and unannotated heights 1 and 2 it is "
        "(1 + 0 + 1 + 0.5) / 4: try that by hand.",
    )  # fmt: skip
    return "It is the area under the ROC curve, which measures how well two groups separate."


def check_uncertain_and_new(answer: Callable[[nn.Module], Criterion]) -> str:
    """Exercise 07-b: ranks of the margin and of the reversed discriminator."""
    if isinstance(answer, Criterion) or not callable(answer):
        raise AnswerError(f"expected a function from a head to a criterion, got {answer!r}.")
    head = nn.Linear(3, 1, bias=False)
    nn.init.constant_(head.weight, 4.0)
    generator = torch.Generator().manual_seed(7)
    outputs = torch.randn(50, 4, generator=generator)
    prediction = Prediction(outputs, features=torch.randn(50, 3, generator=generator))
    made = answer(head)
    if not isinstance(made, Criterion):
        raise AnswerError(f"expected a criterion, combined from others by + and -; got {made!r}.")
    margin, known = Rank(Margin()), Rank(HeadScore(head))

    def places(criterion: Criterion) -> Tensor:
        scores = criterion(prediction).double()  # rounding must not break ties
        return (scores - scores.min()).mul(1e5).round().unique(return_inverse=True)[1]

    found = places(made)
    if torch.equal(found, places(margin - known)):
        return "The name of a score does not reveal its direction: check how the head was trained."
    hints = [
        (margin + known, "samples that look annotated already score high, as this head is high."),
        (
            known - margin,
            "samples that the model is most certain about score high: is each sign right?",
        ),
        (Margin() - HeadScore(head), SAME_SCALE),
        (Margin() + HeadScore(head), SAME_SCALE),
        (margin, "the discriminator has no influence."),
        (-known, "the margin has no influence."),
        (known, "the margin has no influence, and samples that look annotated score high."),
        (margin * -known, "in a product the terms do not count equally: add them."),
        (margin / known, "in a quotient the terms do not count equally: add them."),
    ]
    for wrong, hint in hints:
        try:
            matches = torch.equal(found, places(wrong))
        except ValueError:  # a division by the rank 0
            continue
        if matches:
            raise AnswerError(hint)
    raise AnswerError(
        "the order is not that of the two ranks with equal weight: do both terms have the same "
        "weight, and is each brought to one scale?"
    )


def check_slope_penalty(answer: Callable[[nn.Module, Tensor], Tensor]) -> str:
    """Exercise 07-c: the mean of (length of the gradient - 1)^2."""
    if not callable(answer):
        raise AnswerError(f"expected a function, got {answer!r}.")
    critics, cases = [], []
    for seed, width in ((0, 2), (1, 5)):
        generator = torch.Generator().manual_seed(seed)
        critic = nn.Sequential(nn.Linear(width, 6), nn.Tanh(), nn.Linear(6, 1)).double()
        for weight in critic.parameters():
            nn.init.normal_(weight, generator=generator)
        critics.append(critic)
        points = torch.randn(7, width, generator=generator, dtype=torch.float64)
        cases.append((seed, points))

    def slopes(which: int, points: Tensor) -> Tensor:
        points = points.detach().clone().requires_grad_()
        (gradient,) = torch.autograd.grad(critics[which](points).sum(), points)
        return gradient

    def given(which: int, points: Tensor) -> Tensor:
        made = answer(critics[which], points)
        return made.detach() if isinstance(made, Tensor) else made

    def lengths(which: int, points: Tensor) -> Tensor:
        return slopes(which, points).norm(dim=1)

    judge(
        given,
        lambda *case: ((lengths(*case) - 1) ** 2).mean(),
        cases,
        [
            (lambda *case: ((lengths(*case) - 1) ** 2).sum(), "this is the sum over the points: "
             "return the mean."),
            (lambda *case: (lengths(*case) ** 2).mean(), "this pulls the slope to 0, not to 1."),
            (lambda *case: (lengths(*case) - 1).abs().mean(), "the difference is not squared."),
            (lambda *case: (lengths(*case) - 1).mean(), "the difference is not squared: slopes "
             "above and below 1 would cancel."),
            (lambda *case: (lengths(*case).mean() - 1) ** 2, "the mean is taken first: slopes "
             "above and below 1 would cancel."),
            (lambda *case: ((slopes(*case) - 1) ** 2).mean(), "this pulls each part of the "
             "gradient to 1: take its length first, point by point."),
            (lambda *case: (slopes(*case).norm() - 1) ** 2, "this is the length of all gradients "
             "together: take it point by point, over dim=1."),
            (lambda *case: ((lengths(*case) / len(case[1]) - 1) ** 2).mean(), "this is the "
             "gradient of the mean of the critic, which divides each gradient by the number of "
             "points: use the sum."),
        ],
        "a critic that returns the first coordinate of a point has slope 1 everywhere, so its "
        "penalty is 0: try it.",
    )  # fmt: skip
    made = answer(critics[0], cases[0][1])
    if not (isinstance(made, Tensor) and made.requires_grad):
        raise AnswerError(
            "the number is right, but it has no gradient, so a critic cannot be trained with it: "
            "see create_graph of torch.autograd.grad."
        )
    return "With its slope near 1, a critic measures distance and cannot win by growing its output."


CHECKS = {
    "07-a": check_share_of_pairs,
    "07-b": check_uncertain_and_new,
    "07-c": check_slope_penalty,
}
