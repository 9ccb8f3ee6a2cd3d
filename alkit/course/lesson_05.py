"""Checks of lesson 5, selectors: k-center and herding by hand, a short list."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from alkit.course.mistakes import judge
from alkit.errors import AnswerError
from alkit.prediction import Prediction
from alkit.selectors import (
    Candidates,
    Features,
    KCenter,
    Prefilter,
    Random,
    Selector,
    TopK,
    TypiClust,
    as_selector,
)


def check_farthest_first(answer: Callable[[Tensor, int], Sequence[int]]) -> str:
    """Exercise 05-a: greedy k-center from row 0."""
    _check_is_function(answer)

    def given(points: Tensor, n: int) -> list[int]:
        return _distinct(answer(points, n), n)

    def by(
        reduce: Callable[[Tensor], Tensor], pick: Callable[[Tensor], Tensor]
    ) -> Callable[[Tensor, int], list[int]]:
        def picks(points: Tensor, n: int) -> list[int]:
            picked = [0]
            while len(picked) < n:
                distances = reduce(torch.cdist(points, points[picked]))
                distances[picked] = torch.nan
                picked.append(int(pick(distances.nan_to_num(-1 if pick is torch.argmax else 1e9))))
            return picked

        return picks

    far, near = torch.argmax, torch.argmin
    judge(
        given,
        by(lambda d: d.amin(1), far),
        [(_points(seed), n) for seed, n in ((0, 2), (1, 8), (2, 15))],
        [
            (by(lambda d: d.amin(1), near), "each pick is the nearest to the others, not the "
             "farthest."),
            (by(lambda d: d[:, 0].clone(), far), "all distances are to the first pick: the later "
             "picks count as well."),
            (by(lambda d: d[:, -1].clone(), far), "each pick is far from the last one, but may be "
             "next to an earlier one: use the nearest of all picks."),
            (by(lambda d: d.mean(1), far), "this is the mean distance to the picks: a candidate "
             "that is next to one of them can still have a large mean."),
            (by(lambda d: d.amax(1), far), "this is the distance to the farthest pick: use the "
             "nearest one."),
            (lambda points, n: by(lambda d: d.amin(1), far)(points, n + 1)[1:], "row 0 should be "
             "the first pick."),
        ],
        "some pick is not the farthest from its nearest pick: print the distances of a small case, "
        "and check the third pick.",
    )  # fmt: skip
    return "No choice of n rows can cover the pool with less than half the radius of this one."


def check_herding(answer: Callable[[Tensor, Sequence[int], int], Sequence[int]]) -> str:
    """Exercise 05-b: greedy coverage of all rows, with annotated ones."""
    _check_is_function(answer)

    def given(points: Tensor, known: Sequence[int], n: int) -> list[int]:
        rows = _distinct(answer(points, known, n), n)
        again = [k for k in rows if k in known]
        if again:
            raise AnswerError(f"row {again[0]} is annotated: picking it covers nothing new.")
        return rows

    def by(
        gain: Callable[[Tensor, Tensor], Tensor],
        power: int = 2,
        ignored: bool = False,
        kept: bool = False,
    ) -> Callable[[Tensor, Sequence[int], int], list[int]]:
        def picks(points: Tensor, known: Sequence[int], n: int) -> list[int]:
            cover = (-(torch.cdist(points, points) ** power)).exp()
            covered = 0 * cover[0] if ignored else cover[:, known].amax(1)
            picked: list[int] = []
            while len(picked) < n:
                gains = gain(cover, covered)
                gains[[*known, *picked]] = -torch.inf
                picked.append(int(gains.argmax()))
                if not kept:
                    covered = torch.maximum(covered, cover[:, picked[-1]])
            return picked

        return picks

    def mean(cover: Tensor, covered: Tensor) -> Tensor:
        return torch.maximum(cover, covered[:, None]).mean(0)

    judge(
        given,
        by(mean),
        [(_points(seed), [0, 5, 9], n) for seed, n in ((14, 2), (22, 6), (39, 8))],  # no ties
        [
            (by(mean, kept=True), "a pick does not change what is covered: compute the coverage "
             "again after each pick."),
            (by(mean, ignored=True), "the annotated rows cover nothing: start with their "
             "coverage."),
            (by(lambda cover, covered: cover.mean(0)), "each pick covers the most for itself, also "
             "what is covered already: compare the mean coverage before and after it."),
            (by(lambda cover, covered: -covered), "each pick is the row that is covered least, as "
             "in k-center: a stray covers only itself. Take the row that raises the mean."),
            (by(mean, power=1), "this is exp(-d): the distance should be squared."),
            (by(lambda cover, covered: -mean(cover, covered)), "each pick raises the mean coverage "
             "the least: take the largest."),
        ],
        "some pick does not raise the mean coverage the most: print it before and after each pick.",
    )  # fmt: skip
    return "al.auto does this in features that do not change, and uncertain rows count more."


def check_short_list(answer: Selector | Callable[[], Selector]) -> str:
    """Exercise 05-c: the highest scores of a short list of typical samples."""
    if not isinstance(answer, Selector) and callable(answer):
        answer = answer()
    if not isinstance(answer, Selector):
        raise AnswerError(f"expected a selector, combined from others; got {answer!r}.")
    points = _points(6, spread=1.5)
    scores = torch.rand(len(points), generator=torch.Generator().manual_seed(6))
    candidates = Candidates(scores, Prediction(torch.zeros(len(points), 2), features=points))

    def picks(selector: Selector) -> list[int]:
        return selector(candidates, 5, torch.Generator().manual_seed(0)).positions.tolist()

    typical = TypiClust(Features())
    found = picks(as_selector(answer))
    if found == picks(Prefilter(3, TopK(), by=typical)):
        return "The short list excludes strays; the scores decide how to spend the budget."
    hints: list[tuple[Selector, str]] = [
        (TopK(), "these are the highest scores of all candidates: the short list is missing."),
        (typical, "these are the most typical candidates: the scores are not used."),
        (Prefilter(3, typical), "the short list contains high scores, and the typical candidates "
         "are picked from it: it should be the other way around."),
        (Prefilter(3, typical, by=TopK()), "the short list contains high scores, and the typical "
         "candidates are picked from it: it should be the other way around."),
        (Prefilter(3, KCenter()), "the short list contains high scores: set `by` to the selector "
         "that should make it."),
        (Prefilter(3, TopK()), "the short list contains high scores: set `by` to the selector that "
         "should make it."),
        (Prefilter(3, TopK(), by=TypiClust()), "these are typical only by direction: TypiClust() "
         "scales features to length one, which is wrong for points in the plane. Use unscaled "
         "features, al.Features()."),
        (Prefilter(3, TopK(), by=KCenter()), "k-center makes the short list: it picks strays "
         "first, the least typical of all."),
        (Prefilter(3, TopK(), by=Random()), "the short list is drawn at random."),
    ]  # fmt: skip
    for wrong, hint in hints:
        if found == picks(wrong):
            raise AnswerError(hint)
    for factor in (1, 2, 4, 5, 6, 10, 15, 0.2 * len(points)):
        if found == picks(Prefilter(factor, TopK(), by=typical)):
            raise AnswerError("the short list should be three times as long as the query.")
    raise AnswerError("the picks are not the highest scores of a short list of typical samples.")


def _points(seed: int, spread: float = 1.0) -> Tensor:
    """Points ``(60, 2)`` of three clouds, in random order."""
    rng = np.random.default_rng(seed)
    centers = np.array([[-2.0, -1.0], [2.0, -1.0], [0.0, 2.0]])[rng.integers(0, 3, 60)]
    return torch.from_numpy(centers + spread * rng.normal(size=(60, 2)))


def _check_is_function(answer: object) -> None:
    if not callable(answer):
        raise AnswerError(f"expected a function, got {answer!r}.")


def _distinct(picked: Sequence[int], n: int) -> list[int]:
    try:
        rows = [int(k) for k in picked]
    except (TypeError, ValueError, RuntimeError) as error:
        raise AnswerError(f"expected a list of row numbers, got {picked!r}.") from error
    twice = [k for k in rows if rows.count(k) > 1]
    if twice:
        raise AnswerError(f"this batch contains sample {twice[0]} twice.")
    if len(rows) != n:
        raise AnswerError(f"expected {n} picks, got {len(rows)}.")
    return rows


CHECKS = {"05-a": check_farthest_first, "05-b": check_herding, "05-c": check_short_list}
