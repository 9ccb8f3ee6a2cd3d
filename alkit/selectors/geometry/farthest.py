"""Farthest-first traversal: each pick is the point farthest from all centers so far."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Generator, Tensor

from alkit.progress import report
from alkit.selectors.geometry.points import Points

FIRST = 192  # centers that every candidate is compared with, at least
SHARE = 90  # with A known centers, every candidate is compared with sqrt(SHARE * A) of them
GROWTH = 4  # before that, all are compared each time the centers grew by this factor


RUNNERS = 256  # candidates whose distances are kept exact while picks are made


TINY = torch.finfo(torch.float64).tiny


def farthest_first(
    points: Points,
    known: Points | None,
    n: int,
    generator: Generator,
    weights: Tensor | None = None,
    block: int = 2048,
) -> Tensor:
    """Pick ``n`` positions, each of the highest weight times distance to the nearest center.

    A distance to the nearest center only falls as centers are added, so an old one is an upper
    bound. Only the ``block`` highest bounds are updated at a time, by one GEMM against all the
    centers that they missed. While the best of these is above every other bound, it is the pick
    that comparing everything would make.

    Args:
        points: N candidates.
        known: centers from the start; without them, the first pick has the highest weight.
        n: number of picks, at most N.
        generator: source of random numbers, for ties.
        weights: ``(N,)``, not negative; default: all one. Once every weighted distance is zero,
            the rest is picked as if all weights were one, and then at random.
        block: number of bounds to update at a time; the picks do not depend on it.
    """
    # too small to matter between distances that differ: it only breaks ties
    luck = 1 + torch.rand(len(points), generator=generator, dtype=torch.float64) * 2.0**-30
    luck = luck.to(points.device)
    keys = luck if weights is None or not weights.any() else weights.double() * luck
    centers = _Centers(points, known, [] if known is not None else [int(keys.argmax())])
    while len(centers.picked) < n:
        report(len(centers.picked), n)
        centers.meet_all()
        heights = keys * centers.bounds
        heights[centers.picked] = 0
        if heights.amax() >= TINY:
            _race(centers, keys, heights, n, block)
        elif keys is not luck:
            keys = luck
        else:
            luck[centers.picked] = 0
            centers.picked += luck.topk(n - len(centers.picked)).indices.tolist()
    return torch.tensor(centers.picked)


class _Centers:
    """The centers so far, and upper bounds of the distance of each point to the nearest one."""

    def __init__(self, points: Points, known: Points | None, picked: list[int]) -> None:
        self.points, self.known, self.picked = points, known, picked
        N, device = len(points), points.device
        self.bounds = torch.full((N,), torch.inf, dtype=torch.float64, device=device)
        self.seen = torch.zeros(N, dtype=torch.int32, device=device)
        self.met = 0  # centers that every point was compared with
        # a bound that is too high costs more if it misses more centers
        self.first = max(FIRST, math.isqrt(SHARE * (0 if known is None else len(known))))

    def __len__(self) -> int:
        return len(self.picked) + (0 if self.known is None else len(self.known))

    def between(self, start: int, end: int) -> Iterator[Points]:
        """The centers from one number to another, in the order in which they were added."""
        known = len(self) - len(self.picked)
        if self.known is not None and start < known:
            yield self.known[start:end]
        if missed := self.picked[max(0, start - known) : max(0, end - known)]:
            yield self.points[torch.tensor(missed, device=self.points.device)]

    def meet_all(self) -> None:
        """Compare every point with the first centers, and with more of them as their number grows.

        Bounds by few centers are so high that nearly all points would need more of them one by one.
        """
        if self.met == self.first or len(self) < GROWTH * self.met:
            return
        start, self.met = self.met, min(len(self), self.first)
        for centers in self.between(start, self.met):
            self.bounds = torch.minimum(self.bounds, self.points.reach(centers, coarse=True))
        self.seen.clamp_(min=self.met)

    def update(self, rows: Tensor) -> None:
        """Lower bounds by as many more centers as the rows have seen, or by all that they missed.

        Most rows then need no more. Rows that missed about the same number of centers are updated
        together.
        """
        for part in rows[self.seen[rows].argsort()].split(512):
            points, bounds, seen = self.points[part], self.bounds[part], self.seen[part]
            end = min(2 * int(seen[-1]), len(self))
            for centers in self.between(int(seen[0]), end):
                bounds = torch.minimum(bounds, points.reach(centers))
            self.bounds[part], self.seen[part] = bounds, end

    def exact(self, points: Points) -> Tensor:
        """Exact distances to the nearest center."""
        return torch.stack(
            [points.nearest(centers) for centers in self.between(0, len(self))]
        ).amin(0)


def _race(centers: _Centers, keys: Tensor, heights: Tensor, n: int, block: int) -> None:
    """Update the highest bounds, and pick while the best one is above all the others."""
    rows, outside = _highest(heights, block)
    stale = rows
    while len(stale):
        centers.update(stale)
        heights = keys[rows] * centers.bounds[rows]
        rows, heights = rows[heights >= outside], heights[heights >= outside]
        stale = rows[centers.seen[rows] < len(centers)]
    if not len(rows):
        return
    runners, limit = _highest(heights, RUNNERS)
    rows, outside = rows[runners], max(outside, limit)
    places, keys, points = rows.tolist(), keys[rows], centers.points[rows]
    values, points = centers.exact(points), points.double()
    while len(centers.picked) < n:
        report(len(centers.picked), n)
        height, best = (keys * values).max(0)
        if height < outside:
            break
        best = int(best)  # read once: each read waits for a GPU
        centers.picked.append(places[best])
        values = torch.minimum(values, points.apart(points[best : best + 1]))
    centers.bounds[rows], centers.seen[rows] = values, len(centers)


def _highest(heights: Tensor, number: int) -> tuple[Tensor, float]:
    """Positions of the ``number`` highest above zero, and the highest of the others."""
    top = heights.topk(min(number + 1, len(heights)))
    outside = max(float(top.values[-1]) if len(heights) > number else 0.0, TINY)
    return top.indices[top.values >= outside], outside
