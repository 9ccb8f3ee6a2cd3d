"""How dense it is around a point: the mean distance to its nearest neighbors."""

from __future__ import annotations

import torch
from torch import Tensor

from alkit.selectors.geometry.centered import Centered
from alkit.selectors.geometry.points import Points

FEW = 256  # points that are all compared with all
FIRST = 32  # points that tell how dense is dense, before the others are looked at
TINY = torch.finfo(torch.float64).tiny  # added, so that luck decides between distances of zero too


def densest(points: Points, k: int, luck: Tensor) -> int:
    """The position of the point whose mean distance to its ``k`` nearest others is the least.

    Exact, without the neighbors of most points. Whatever t is, the k smallest distances of a point
    add up to at least ``k t`` less all that its distances fall below t: one pass over the blocks of
    a GEMM, where no sorting is needed. With the t of a dense point, hardly another one passes.

    Args:
        points: M points, euclidean or cosine; it is faster where dense ones come first.
        k: how many neighbors, ``1 <= k < M``.
        luck: ``(M,)`` float64 in [0, 1), drawn; of points that are equally dense, to six digits,
            it is the one with the least.

    Cost: O(M^2 D) multiply-adds, for half of the pairs. Memory: O(M D).
    """
    luck = 1 + 1e-6 * luck
    rows = torch.arange(len(points) if len(points) <= FEW else FIRST, device=points.device)
    means, edges = _nearest(points, rows, k)
    found = torch.full_like(luck, torch.inf)
    found[rows] = (means + TINY) * luck[rows]
    if len(rows) < len(points):
        best = means.argmin()
        bounds = _bounds(points, k, float(edges[best]), float(means[best]))
        bounds[rows] = torch.inf
        while len(rows := (bounds <= found.amin()).nonzero().flatten()):
            rows = rows[bounds[rows].argsort()[:FEW]]
            found[rows] = (_nearest(points, rows, k)[0] + TINY) * luck[rows]
            bounds[rows] = torch.inf
    return int(found.argmin())


def _nearest(points: Points, rows: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The mean distance of each of these rows to its k nearest others, and that to the k-th."""
    means, edges = [], []
    for part in rows.split(max(2**22 // len(points), 16)):
        some = points if len(part) == len(points) else points[part]  # all of them, in their order
        distances = some.distances(points, own=part)
        nearest = distances.topk(k, largest=False, sorted=False).values
        means.append(nearest.mean(1, dtype=torch.float64))
        edges.append(nearest.amax(1))
    return torch.cat(means), torch.cat(edges)


def _bounds(points: Points, k: int, t: float, mean: float) -> Tensor:
    """``(M,)`` float64, not above the mean distance of a point to its k nearest others.

    Args:
        points: M points.
        k: how many neighbors.
        t: of a dense point, the distance to the k-th.
        mean: and to all of them.
    """
    number, size = len(points), 128 if points.device.type == "cpu" else 4096
    centered = Centered.of(points, size)
    squared = 2 * mean if points.metric == "cosine" else mean * mean
    coarse = squared > 0.3 * float(centered.squared_norms.mean())  # others it cannot tell apart
    shortfall = torch.zeros(len(centered), dtype=torch.float64, device=points.device)
    for start in range(0, len(centered), size):  # each pair of blocks once
        end = start + size
        block, others = centered[start:end], centered[start:]
        below = block.below(others, coarse).fill_diagonal_(torch.inf)
        below[:, number - start :] = torch.inf  # where it was filled up
        below = below.clamp_(max=t).sub_(t)
        shortfall[start:end] += below.sum(1)
        shortfall[end:] += below[:, size:].sum(0)
    return t + shortfall[:number] / k - 1e-3 * t  # and more than what rounding adds to a sum
