"""Herding: generalized coverage of the whole pool, or of its uncertain candidates."""

from __future__ import annotations

from functools import partial

import torch
from torch import Generator, Tensor

from alkit.arguments import check_number
from alkit.errors import ScoreError
from alkit.selectors.candidates import Candidates, Picks, needed
from alkit.selectors.geometry.coverage import SAMPLE, Coverage, blocks, check_sample, greedy, sample
from alkit.selectors.geometry.points import Points
from alkit.selectors.part import Part
from alkit.selectors.selector import Selector
from alkit.selectors.spaces import Features, Space, as_space

# the features in the papers have norm one
DEFAULT = Features(normalize=True)


class MaxHerding(Selector):
    """Greedy coverage: each pick raises the mean coverage of the pool the most.

    The coverage of a candidate x is ``max_l exp(-(d(x, l) / bandwidth)^2)`` over all l annotated or
    picked. Bae, Noh & Sutherland 2024, "Generalized coverage for more robust low-budget active
    learning", section 3. The mean reaches at least ``1 - 1 / e`` of what any n picks could cover.
    For few labels.

    The mean is over ``sample`` candidates drawn at random, or over all if there are no more than
    that. Once nothing is left to cover, picks are the farthest from all others, as in ``KCenter``.

    If there are more than 65,536 candidates, that many are drawn at random, and the picks are among
    these. For any ranking of all, one of the first 0.01 % is drawn with a probability of 99.8 %.
    ``query.why`` states it. With ``sample=None``, all are compared.

    Cost: O(N M D) multiply-adds for a sample of M, a few times that without the table. N counts at
    most 65,536, or the sample if that is larger. Memory: a table of 4 N M bytes if there is room
    for it, at most 4 GiB, or 1 GiB where candidates are drawn; else O(N).

    Args:
        space: space in which candidates are compared. Default: ``Features(normalize=True)``, where
            1 is a good bandwidth.
        bandwidth: bandwidth of the kernel, above 0, in the distance of the space.
        sample: number of candidates in the mean, at least 1; None: all of them.

    Raises:
        ConfigurationError: ``bandwidth`` is not above 0, or ``sample`` is not an integer of at
            least 1.
    """

    def __init__(
        self,
        space: Space | None = None,
        *,
        bandwidth: float = 1.0,
        sample: int | None = SAMPLE,
    ) -> None:
        check_number("bandwidth", bandwidth, "a number above 0", lambda value: value > 0)
        check_sample(sample)
        self.space = as_space(DEFAULT if space is None else space)
        self.bandwidth, self.sample = bandwidth, sample
        self.needs = self.space.needs | {"annotated"}

    def select(self, candidates: Candidates, n: int, generator: Generator) -> Tensor | Picks:
        part = Part.of(candidates, n, generator, size=self.sample)
        points, known = self.space(part.candidates)
        rows = sample(points, self.sample, generator)
        targets = None if rows is None else points[rows]
        kernel = partial(gaussian, self.bandwidth)
        coverage = Coverage(kernel, points, targets, known=known, room=part.room)
        return part.picks(greedy(coverage, known, n, generator))

    def __repr__(self) -> str:
        return f"MaxHerding({_arguments(self.space, self.bandwidth, 1.0, self.sample)})"


class UncertaintyHerding(Selector):
    """``MaxHerding`` with candidates weighted by score: coverage of uncertain candidates.

    Scores measure how uncertain the model is about a candidate, usually by ``Margin`` of a model
    with a fitted temperature. They must not be negative. The bandwidth adapts: it is the smallest
    distance between two annotated samples. Coverage therefore matters while these are few and far
    apart, and uncertainty alone once they are many. Equal samples do not count; with fewer than two
    annotated samples the bandwidth is 1. Bae, Oliveira & Sutherland 2025, "Uncertainty herding: one
    active learning method for all label budgets", section 3.

    The weighted mean is over ``sample`` candidates drawn in proportion to their scores, or over all
    if there are no more than that. Once nothing is left to cover, or if all scores are zero, picks
    are the farthest from all others, as in ``KCenter``. Of more than 65,536 candidates, the picks
    are among that many: those in the mean, and others drawn at random; see ``MaxHerding``.

    Cost: that of ``MaxHerding``, O(N M D) multiply-adds, and O(A^2 D) for A annotated samples.

    Args:
        space: space in which candidates are compared. Default: ``Features(normalize=True)``.
        bandwidth: bandwidth of the kernel, above 0, in the distance of the space. Default:
            adaptive.
        sample: number of candidates in the mean, at least 1; None: all of them.

    Raises:
        ConfigurationError: see ``MaxHerding``.
        ScoreError: a score is negative.
    """

    def __init__(
        self,
        space: Space | None = None,
        *,
        bandwidth: float | None = None,
        sample: int | None = SAMPLE,
    ) -> None:
        if bandwidth is not None:
            check_number("bandwidth", bandwidth, "a number above 0", lambda value: value > 0)
        check_sample(sample)
        self.space = as_space(DEFAULT if space is None else space)
        self.bandwidth, self.sample = bandwidth, sample
        self.needs = self.space.needs | {"annotated", "scores"}

    def select(self, candidates: Candidates, n: int, generator: Generator) -> Tensor | Picks:
        scores = needed(candidates.scores, "scores")
        if (scores < 0).any():
            raise ScoreError(
                f"{self!r} weights candidates by scores, which must not be negative: the lowest "
                f"is {float(scores.min()):.3g}. Use al.Margin() or al.criteria.MinMax(criterion)."
            )
        rows, weights = None, scores
        if self.sample is not None and self.sample < len(scores) and bool((scores > 0).any()):
            rows, weights = _drawn(scores, self.sample, generator)
        part = Part.of(candidates, n, generator, rows, size=self.sample)
        points, known = self.space(part.candidates)
        bandwidth = self.bandwidth or least_distance(known) or 1.0
        targets = points if rows is None else points[part.at(rows)]
        weights = weights if rows is not None else needed(part.candidates.scores, "scores")
        kernel = partial(gaussian, bandwidth)
        coverage = Coverage(kernel, points, targets, weights, known, room=part.room)
        return part.picks(greedy(coverage, known, n, generator))

    def __repr__(self) -> str:
        return f"UncertaintyHerding({_arguments(self.space, self.bandwidth, None, self.sample)})"


def gaussian(bandwidth: float, points: Points, others: Points) -> Tensor:
    """``(N, M)`` ``exp(-(d / bandwidth)^2)``."""
    return points.squared_distances(others).mul_(-1 / bandwidth**2).exp_()


def least_distance(points: Points | None) -> float | None:
    """Smallest distance between two points that differ; None if there are no such points."""
    if points is None:
        return None
    least = torch.inf
    for rows in blocks(points):
        for others in blocks(points, rows.start):
            squares = points[rows].squared_distances(points[others])
            least = min(least, float(squares.where(squares > 0, torch.inf).amin()))
    return least**0.5 if least < torch.inf else None


def _drawn(weights: Tensor, number: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Rows found in ``number`` draws in proportion to the weights, and how often each was drawn."""
    sums = weights.double().cumsum(0)
    chance = torch.rand(number, generator=generator, dtype=torch.float64).to(sums.device)
    rows = torch.searchsorted(sums, chance * sums[-1], right=True).clamp_(max=len(sums) - 1)
    return rows.unique(return_counts=True)


def _arguments(
    space: Space, bandwidth: float | None, default: float | None, sample: int | None
) -> str:
    parts = ["" if repr(space) == repr(DEFAULT) else f"space={space!r}"]
    parts += [] if bandwidth == default else [f"bandwidth={bandwidth!r}"]
    parts += [] if sample == SAMPLE else [f"sample={sample!r}"]
    return ", ".join(filter(None, parts))
