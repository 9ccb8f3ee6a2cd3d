"""How dense it is around a point: the mean distance to its nearest neighbors."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from alkit.selectors.points import Points

FEW = 256  # points of which all are compared with all, without bounds
FIRST = 32  # points that tell what is dense, before the others are looked at


def densest(points: Points, k: int, first: Tensor, generator: Generator) -> int:
    """The point whose mean distance to its ``k`` nearest others is the least.

    Exact, without finding the neighbors of most points. For every t, the sum of the k smallest
    distances of a point is at least ``k t`` less what its distances fall below t, all together:
    one pass over the blocks of a GEMM, and no sorting. With the t of a dense point this bound tells
    that nearly all the others are less dense.

    Args:
        points: M points, euclidean or cosine.
        k: how many neighbors, ``1 <= k < M``.
        first: ``(M,)`` positions in the order in which dense points are expected.
        generator: of points that are equally dense, to six digits.

    Cost: O(M^2 D / 2) multiply-adds, O(M) memory beyond the points.
    """
    luck = 1 + 1e-6 * torch.rand(len(points), generator=generator, dtype=torch.float64)
    luck = luck.to(points.device)
    if len(points) <= FEW:
        return int((_mean_nearest(points, first, k)[0] * luck[first]).argmin().item())
    means, farthest = _mean_nearest(points, first[:FIRST], k)
    ...
