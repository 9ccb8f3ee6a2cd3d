"""Density around a point: the mean distance to its nearest neighbors."""

from __future__ import annotations

import torch
from torch import Tensor

from alkit.selectors.geometry.centered import Centered
from alkit.selectors.geometry.points import Points

FEW = 256  # up to this many points, all pairs are compared
FIRST = 32  # points that are compared first, to find a dense one
TINY = torch.finfo(torch.float64).tiny  # added, so that luck breaks ties at distance zero too


def densest(points: Points, k: int, luck: Tensor) -> int:
    """Position of the point whose mean distance to its ``k`` nearest others is the smallest.

    Exact, without the neighbors of most points. For any t, the k smallest distances of a point add
    up to at least ``k t`` less all that its distances fall below t. This takes one pass over the
    blocks of a GEMM, without sorting. If t comes from a dense point, hardly any other point can be
    denser by this bound.

    Args:
        points: M points, euclidean or cosine; it is faster if dense ones come first.
        k: number of neighbors, ``1 <= k < M``.
        luck: ``(M,)`` float64 in [0, 1), random; among points that are equally dense, to six
            digits, the one with the smallest luck is returned.

    Cost: O(M^2 D) multiply-adds, for half of the pairs. Memory: O(M D).
    """
    luck = 1 + 1e-6 * luck
    rows = torch.arange(len(points) if len(points) <= FEW else FIRST, device=points.device)
    means, edges = nearest_means(points, rows, k)
    found = torch.full_like(luck, torch.inf)
    found[rows] = (means + TINY) * luck[rows]
    if len(rows) < len(points):
        best = means.argmin()
        bounds = _bounds(points, k, float(edges[best]), float(means[best]))
        bounds[rows] = torch.inf
        while len(rows := (bounds <= found.amin()).nonzero().flatten()):
            rows = rows[bounds[rows].argsort()[:FEW]]
            found[rows] = (nearest_means(points, rows, k)[0] + TINY) * luck[rows]
            bounds[rows] = torch.inf
    return int(found.argmin())


def nearest_means(points: Points, rows: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Mean distance of each of these rows to its k nearest others, and distance to the k-th."""
    means, edges = [], []
    for part in rows.split(max(2**22 // len(points), 16)):
        some = points if len(part) == len(points) else points[part]  # all of them, in their order
        distances = some.distances(points, own=part)
        nearest = distances.topk(k, largest=False, sorted=False).values
        means.append(nearest.mean(1, dtype=torch.float64))
        edges.append(nearest.amax(1))
    return torch.cat(means), torch.cat(edges)


def _bounds(points: Points, k: int, t: float, mean: float) -> Tensor:
    """``(M,)`` float64 lower bounds of the mean distance of a point to its k nearest others.

    Args:
        points: M points.
        k: number of neighbors.
        t: distance of a dense point to its k-th neighbor.
        mean: mean distance of the same point to its k nearest others.
    """
    number, size = len(points), 128 if points.device.type == "cpu" else 4096
    centered = Centered.of(points, size)
    squared = 2 * mean if points.metric == "cosine" else mean * mean
    coarse = squared > 0.3 * float(centered.squared_norms.mean())  # only for distances it resolves
    shortfall = torch.zeros(len(centered), dtype=torch.float64, device=points.device)
    for start in range(0, len(centered), size):  # each pair of blocks once
        end = start + size
        block, others = centered[start:end], centered[start:]
        below = block.below(others, coarse).fill_diagonal_(torch.inf)
        below[:, number - start :] = torch.inf  # appended points
        below = below.clamp_(max=t).sub_(t)
        shortfall[start:end] += below.sum(1)
        shortfall[end:] += below[:, size:].sum(0)
    return t + shortfall[:number] / k - 1e-3 * t  # the last term exceeds the rounding of a sum
