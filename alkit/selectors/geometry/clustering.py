"""k-means over points, block by block."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Generator, Tensor

from alkit.errors import ConfigurationError
from alkit.hardware import check_memory
from alkit.progress import report
from alkit.selectors.geometry.lazy import filled
from alkit.selectors.geometry.points import Points
from alkit.selectors.geometry.sketch import blocks, sketched
from alkit.selectors.spaces import Space, as_space

SAMPLE = 32  # sampled points per cluster, at least
ITERATIONS = 10  # at most, on the sample, and again on all points
TOLERANCE = 3e-3  # relative decrease of the inertia below which iterations end
TINY = torch.finfo(torch.float32).tiny


@dataclass(frozen=True, eq=False)
class Clusters:
    """k clusters of N points.

    Attributes:
        parts: the points.
        labels: ``(N,)`` cluster of each point, in ``0 .. k - 1``; some may be empty.
        centers: ``(k, W)`` means of the points of each cluster, with outer products flattened; of
            norm one for the cosine distance, as in spherical k-means.
        about: ``(N,)`` approximation of ``squared``, to the centers before the last mean.
    """

    parts: Sequence[Points]
    labels: Tensor
    centers: Tensor
    about: Tensor

    @cached_property
    def squared(self) -> Tensor:
        """``(N,)`` squared euclidean distances to the center of each point's cluster.

        They are computed by differences, so equal points of a cluster have equal distances. Cost:
        O(N W).
        """
        squared = (
            (block - self.centers[self.labels[rows]]).square_().sum(1)
            for rows, block in blocks(self.parts, 2 * self.centers.shape[1])
        )
        return filled(squared, len(self.labels))

    def sizes(self, weights: Tensor | None = None) -> Tensor:
        """``(k,)`` number of points in each cluster, or their weight, in float64."""
        ones = torch.ones_like(self.about) if weights is None else weights
        sizes = ones.new_zeros(len(self.centers), dtype=torch.float64)
        return sizes.index_add_(0, self.labels, ones.double())

    def members(self, number: int, generator: Generator | None = None) -> tuple[Tensor, ...]:
        """Members of each cluster among the first ``number`` points, the nearest first.

        Members that are equally near come in random order. Without a generator, members come in the
        order of ``about``, at less cost.
        """
        labels = self.labels[:number]
        if generator is None:
            order = self.about[:number].argsort()
        else:
            order = torch.randperm(number, generator=generator).to(labels.device)
            order = order[self.squared[order].argsort(stable=True)]
        order = order[labels[order].argsort(stable=True)]
        return order.split(torch.bincount(labels, minlength=len(self.centers)).tolist())


def space_with_means(space: Space | None) -> Space:
    """The space of an argument, if means are nearest to their points in it; None is ``Features()``.

    Raises:
        ConfigurationError: it is not a space, or has the manhattan distance.
    """
    space = as_space(space)
    if space.metric == "manhattan":
        raise ConfigurationError(
            "k-means minimizes euclidean or cosine distances; means do not minimize the manhattan "
            f"distance: use another metric than that of {space!r}."
        )
    return space


def kmeans(
    parts: Sequence[Points], k: int, generator: Generator, weights: Tensor | None = None
) -> Clusters:
    """Lloyd's k-means (1982, "Least squares quantization in PCM") from k-means++.

    It starts on a sample, an eighth of the points or 32 per cluster; for a few clusters, with the
    best of up to 5 runs. All iterations but the last use only the 32 principal directions of the
    points, which separate groups of features; the last one uses the points themselves. A cluster
    that loses its last point restarts at the point farthest from its center.

    Args:
        parts: the points, in one part or in several that stay separate in memory; not manhattan.
        k: number of clusters, at most N.
        generator: source of random numbers, for the sample and the seeds.
        weights: ``(N,)`` weights of the points in all parts, not negative; all zero is like all
            one.

    Cost: O(N k (W + 32 i)) multiply-adds for points of W dimensions and i <= 14 iterations, O(N W)
    for the directions. Memory: O(32 N + k W) beyond the points.
    """
    if weights is not None and not bool(weights.any()):
        weights = None
    first = parts[0]
    width = math.prod(factor.shape[1] for factor in first.factors)
    nbytes = 4 * k * width * first.dtype.itemsize
    check_memory(nbytes, first.device, f"k-means with {k:,} clusters", "Use fewer, or PCA.")
    mean, sketch = sketched(parts, width, generator)
    labels = _search(sketch, k, generator, weights)
    centers, _ = _means(parts, labels, mean.expand(k, -1), weights)
    labels, about = assign(parts, centers, mean)
    centers, _ = _means(parts, labels, centers, weights)
    return Clusters(parts, labels, centers, about)


def _search(points: Points, k: int, generator: Generator, weights: Tensor | None) -> Tensor:
    """Clusters ``(N,)`` found by seeding and Lloyd's iterations."""
    number = max(len(points) // 8, SAMPLE * k)
    if weights is not None:
        sums = weights.double().cumsum(0)
        chance = torch.rand(number, generator=generator, dtype=torch.float64).to(points.device)
        rows = torch.searchsorted(sums, chance * sums[-1], right=True).clamp_(max=len(points) - 1)
        sample = points[rows]
    elif number < len(points):
        rows = torch.randperm(len(points), generator=generator)[:number]
        sample = points[rows.to(points.device)]
    else:
        sample = points
    # unweighted, as the sample is drawn by weight; chance matters most with few seeds
    tries = max(1, min(5, 200 // k))
    runs = [_lloyd(sample, _seeds(sample, k, generator), None) for _ in range(tries)]
    centers, labels, _ = min(runs, key=lambda run: run[2])
    return labels if sample is points else _lloyd(points, centers, weights)[1]


def _seeds(points: Points, k: int, generator: Generator) -> Tensor:
    """Greedy k-means++ (Arthur & Vassilvitskii 2007): each seed is the best of a few draws."""
    rows, trials = points.matrices[0], 2 + int(math.log(k))
    chance = torch.rand(k, trials, generator=generator, dtype=torch.float64).to(rows.device)
    # written in place: freed between results that are kept, such blocks would not be used again
    sums = torch.empty_like(points.squared_norms, dtype=torch.float64)
    left = rows.new_empty(trials, len(rows))
    near = torch.ones_like(points.squared_norms)[None]
    seeds = torch.empty(k, dtype=torch.long, device=rows.device)
    for step in range(k):
        report(step, k)
        torch.cumsum(near[0], 0, dtype=torch.float64, out=sums)
        drawn = torch.searchsorted(sums, chance[step] * sums[-1], right=True)
        others = points[drawn.clamp_(max=len(rows) - 1)]
        torch.addmm(points.squared_norms, others.matrices[0], rows.T, alpha=-2, out=left)
        left.add_(others.squared_norms[:, None]).clamp_(min=0)
        if step:
            torch.minimum(left, near, out=left)
        best = left.sum(1).argmin(0, keepdim=True)  # not read, which would wait for a GPU
        torch.index_select(left, 0, best, out=near)
        seeds[step : step + 1] = drawn[best]
    return rows[seeds]


def _lloyd(points: Points, centers: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor, float]:
    """Centers, clusters and inertia, once the inertia no longer falls."""
    last = math.inf
    for step in range(ITERATIONS):
        report(step, ITERATIONS)
        labels, squared = assign([points], centers)
        centers, empty = _means([points], labels, centers, weights)
        cost = squared if weights is None else squared * weights
        if len(empty):
            centers[empty] = points.matrices[0][cost.topk(len(empty)).indices]
        inertia = float(cost.sum(dtype=torch.float64))
        gain, last = last - inertia, inertia
        if gain <= TOLERANCE * inertia and not len(empty):
            break
    return centers, labels, last  # pyright: ignore[reportPossiblyUnbound]


def assign(
    parts: Sequence[Points], centers: Tensor, origin: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Nearest center of each point, and its squared distance by the GEMM form.

    If the points lie far from the origin, an ``origin`` among them preserves digits of the centers.
    """
    moved = centers if origin is None else centers - origin
    half = moved.square().sum(1) / 2
    if origin is not None:
        half += moved @ origin
    labels = torch.empty(sum(map(len, parts)), dtype=torch.long, device=centers.device)
    best = torch.empty_like(labels, dtype=centers.dtype)
    for rows, block in blocks(parts, centers.shape[1] + len(centers)):
        best[rows], labels[rows] = torch.addmm(half, block, moved.T, alpha=-1).min(1)
    norms = torch.cat([part.squared_norms for part in parts])
    return labels, best.mul_(2).add_(norms).clamp_(min=0)


def _means(
    parts: Sequence[Points], labels: Tensor, centers: Tensor, weights: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Means of all clusters, and the empty clusters, which keep their centers."""
    k = len(centers)
    sums, mass = torch.zeros_like(centers), torch.zeros_like(centers[:, 0])
    for rows, block in blocks(parts, 2 * centers.shape[1] + k):
        group = labels[rows]
        ones = torch.ones_like(block[:, 0]) if weights is None else weights[rows].to(block.dtype)
        if block.is_cuda:  # there, index_add_ adds in another order each time
            member = torch.zeros(k, len(block), dtype=block.dtype, device=block.device)
            member[group, torch.arange(len(block), device=block.device)] = ones
            sums.addmm_(member, block)
            mass += member.sum(1)
        else:
            sums.index_add_(0, group, block if weights is None else block * ones[:, None])
            mass.index_add_(0, group, ones)
    empty = mass <= 0
    means = torch.where(empty[:, None], centers, sums / mass.clamp(min=TINY)[:, None])
    if parts[0].metric == "cosine":
        means = torch.nn.functional.normalize(means, dim=1)
    return means, empty.nonzero().flatten()
