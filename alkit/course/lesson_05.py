"""Checks of lesson 5, selectors: k-center by hand, scores without repeats, a short list."""

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


def check_apart(answer: Callable[[Tensor, Tensor, int, float], Sequence[int]]) -> str:
    """Exercise 05-b: the highest scores that are at least a distance apart."""
    _check_is_function(answer)

    def given(scores: Tensor, points: Tensor, n: int, distance: float) -> list[int]:
        return _distinct(answer(scores, points, n, distance), n)

    def greedy(scores: Tensor, points: Tensor, n: int, distance: float, back: int = 0) -> list[int]:
        picked, rest = [], []
        for k in scores.argsort(descending=True).tolist():
            before = points[picked[-back:]]
            near = len(before) and bool((torch.cdist(points[[k]], before) < distance).any())
            (rest if near else picked).append(k)
        return (picked + rest)[:n]

    def last_only(scores: Tensor, points: Tensor, n: int, distance: float) -> list[int]:
        return greedy(scores, points, n, distance, back=1)

    def top(scores: Tensor, points: Tensor, n: int, distance: float) -> list[int]:
        return scores.argsort(descending=True)[:n].tolist()

    def lowest(scores: Tensor, points: Tensor, n: int, distance: float) -> list[int]:
        return greedy(-scores, points, n, distance)

    def spread(scores: Tensor, points: Tensor, n: int, distance: float) -> list[int]:
        taken = top(scores, points, n, distance)
        return greedy(scores[taken], points[taken], n, distance)

    cases = []
    for seed, n, distance in ((3, 6, 0.8), (4, 10, 0.5), (5, 12, 3.0)):
        points = _points(seed)
        generator = torch.Generator().manual_seed(seed)
        noise = 0.2 * torch.rand(len(points), generator=generator, dtype=torch.float64)
        cases.append((points[:, 0] + noise, points, n, distance))  # the best are neighbors
    enough = cases[:2]
    for case in enough:
        picked = given(*case)
        distances = torch.pdist(case[1][picked])
        if len(distances) and float(distances.min()) < case[3] and picked != last_only(*case):
            if picked == top(*case):
                raise AnswerError("these are the highest scores, whatever the distance.")
            raise AnswerError(
                f"two picks are {float(distances.min()):.2f} apart, but the distance is {case[3]} "
                "and other candidates are far enough away."
            )
    judge(
        given,
        greedy,
        cases,
        [
            (last_only, "each pick is far enough from the previous one, but not from all."),
            (lowest, "the lowest scores come first: in which direction are they sorted?"),
            (spread, "only the n highest scores are considered: continue down the list until you "
             "have n picks."),
        ],
        "some pick is not the highest score that is far enough away; if there are too few of "
        "these, the highest scores of those left out come last.",
    )  # fmt: skip
    return "One pass over the scores is enough to avoid copies."


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


CHECKS = {"05-a": check_farthest_first, "05-b": check_apart, "05-c": check_short_list}
