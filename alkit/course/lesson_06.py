"""Checks of lesson 6, Bayesian: BALD by hand, two candidates of equal entropy, a greedy batch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from alkit.course.mistakes import judge
from alkit.errors import AnswerError


def _entropy(p: Tensor) -> Tensor:
    return torch.special.entr(p).sum(-1)


def _bald(p: Tensor) -> Tensor:
    return _entropy(p.mean(1)) - _entropy(p).mean(1)


def _opinions(shape: tuple[int, int, int], seed: int, scale: float = 2.0) -> Tensor:
    """Probabilities ``(N, K, C)``; the opinions agree more on some candidates than on others."""
    generator = torch.Generator().manual_seed(seed)
    n, k, classes = shape
    own = torch.randn(n, k, classes, generator=generator, dtype=torch.float64)
    common = torch.randn(n, 1, classes, generator=generator, dtype=torch.float64)
    return (scale * (own * torch.rand(n, 1, 1, generator=generator) + common)).softmax(-1)


def check_bald(answer: Callable[[Tensor], Tensor]) -> str:
    """Exercise 06-a: entropy of the mean minus mean of the entropies."""
    if not callable(answer):
        raise AnswerError(f"expected a function, got {answer!r}.")
    zeros = torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [1.0, 0.0]]]).double()
    if bool(torch.as_tensor(answer(zeros.clone())).isnan().any()):
        raise AnswerError(
            "it is NaN where a probability is 0: define 0 log 0 as 0, see torch.special.entr."
        )
    judge(
        answer,
        _bald,
        [(_opinions((9, 5, 3), 1),), (_opinions((4, 3, 6), 2),), (zeros,)],
        [
            (lambda p: -_bald(p), "it is never above 0: subtract the mean of the entropies, not "
             "the entropy of the mean."),
            (lambda p: _entropy(p.mean(1)), "this is only the entropy of the mean: coin tosses "
             "score high."),
            (lambda p: _entropy(p).mean(1), "this is only the mean of the entropies: it is "
             "highest for coin tosses."),
            (lambda p: _bald(p.transpose(1, 2)), "the axes are mixed up: opinions are the second "
             "axis, classes the last."),
            (lambda p: _entropy(p.mean(1)) - _entropy(p).sum(1), "the entropies are added up: take "
             "their mean."),
            (lambda p: _bald(p) / math.log(2), "this is in bits: use the natural logarithm."),
            (lambda p: _bald(p) / p.shape[2], "the entropy is a sum over the classes, not a mean."),
            (lambda p: p.std(1).mean(-1), "this is the spread of the opinions: BALD is a "
             "difference of entropies."),
        ],
        "for two opinions (1, 0) and (0, 1) it is log 2 = 0.69, and for two that agree it is 0: "
        "try both.",
    )  # fmt: skip
    return "BALD is the uncertainty of the committee minus the uncertainty of its members."


def check_two_candidates(answer: object) -> str:
    """Exercise 06-b: the same entropy, with no disagreement and with the most."""
    made = answer() if callable(answer) else answer
    try:
        p = torch.as_tensor(made, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise AnswerError(f"expected numbers of shape (2, 4, 3), got {made!r}.") from error
    if p.shape != (2, 4, 3):
        raise AnswerError(f"the shape is {tuple(p.shape)}, not (2, 4, 3).")
    if bool((p < 0).any()) or not torch.allclose(p.sum(-1), torch.ones(2, 4).double(), atol=1e-4):
        raise AnswerError("some opinion is not a distribution: use numbers of at least 0, sum 1.")
    half, score = torch.tensor([0.5, 0.5, 0.0]).double(), _bald(p)
    for which, mean in zip(("first", "second"), p.mean(1), strict=True):
        if not torch.allclose(mean.sort(descending=True).values, half, atol=1e-3):
            raise AnswerError(
                f"the mean of the {which} candidate is {mean.numpy().round(2).tolist()}, not one "
                "half for two of the classes."
            )
    if float(score[0]) > 1e-3 > float(score[1]):
        raise AnswerError("the opinions should agree on the first, and differ on the second.")
    if float(score[0]) > 1e-3:
        raise AnswerError(f"BALD of the first is {float(score[0]):.2f}: its opinions differ.")
    if float(score[1]) < math.log(2) - 1e-3:
        raise AnswerError(
            f"BALD of the second is {float(score[1]):.2f}, and can be higher: how certain is each "
            "single opinion?"
        )
    return "Where opinions are certain but disagree, a label decides between them."


def check_greedy_batch(answer: Callable[[Tensor, int], Sequence[int]]) -> str:
    """Exercise 06-c: each pick raises the joint information the most."""

    def given(p: Tensor, n: int) -> list[int]:
        picked = [int(k) for k in answer(p, n)]
        twice = [k for k in picked if picked.count(k) > 1]
        if twice:
            raise AnswerError(f"this batch contains candidate {twice[0]} twice.")
        if len(picked) != n:
            raise AnswerError(f"expected {n} picks, got {len(picked)}.")
        return picked

    def top(p: Tensor, n: int, largest: bool = True) -> list[int]:
        return _bald(p).argsort(descending=largest)[:n].tolist()

    def greedy(p: Tensor, n: int, measure: Callable[[Tensor], float] = _information) -> list[int]:
        picked: list[int] = []
        while len(picked) < n:
            left = [k for k in range(len(p)) if k not in picked]
            picked.append(max(left, key=lambda k: measure(p[[*picked, k]])))
        return picked

    judge(
        given if callable(answer) else answer,
        greedy,
        [(_with_twins(seed), n) for seed, n in ((3, 2), (4, 4), (5, 5))],
        [
            (top, "these are the highest BALD scores, which repeat each other: what is the "
             "information of all picks together?"),
            (lambda p, n: top(p, n, largest=False), "these have the lowest BALD: is the sign "
             "right?"),
            (lambda p, n: greedy(p, n, lambda batch: -_information(batch)), "each pick raises the "
             "information the least: is the sign right?"),
            (lambda p, n: greedy(p, n, lambda batch: _joint_entropy(batch)), "this uses only the "
             "entropy of the labels: coin tosses raise it, but carry no information."),
            (lambda p, n: greedy(p, n)[::-1], "the order is reversed: the first pick should come "
             "first."),
            (lambda p, n: greedy(p, n, lambda batch: _information(batch[-1:])), "each candidate is "
             "measured alone: pass the earlier picks to `information` as well."),
        ],
        "each pick should be the candidate that makes the information of *all* picks so far "
        "highest; the first is the one with the highest BALD.",
    )  # fmt: skip
    return "The information of a batch never falls, and no pick adds more than the previous one."


def _joint_entropy(p: Tensor) -> float:
    joint = torch.ones(p.shape[1], 1, dtype=torch.float64)
    for one in p.double():
        joint = (joint[:, :, None] * one[:, None, :]).flatten(1)
    return float(_entropy(joint.mean(0)))


def _information(p: Tensor) -> float:
    return _joint_entropy(p) - float(_entropy(p.double()).mean(1).sum())


def _with_twins(seed: int) -> Tensor:
    """Ten candidates ``(10, 6, 2)``: the best has near twins, and two are coin tosses."""
    p = _opinions((10, 6, 2), seed, scale=1.5)
    generator = torch.Generator().manual_seed(seed)
    split = torch.tensor([0.97, 0.95, 0.98, 0.03, 0.04, 0.02]).double()
    for k in range(3):
        sure = (split - 0.002 * k * torch.rand(6, generator=generator)).clamp(0, 1)
        p[k] = torch.stack([sure, 1 - sure], dim=1)
    p[3:5] = 0.5
    return p[torch.randperm(10, generator=generator)]


CHECKS = {"06-a": check_bald, "06-b": check_two_candidates, "06-c": check_greedy_batch}
