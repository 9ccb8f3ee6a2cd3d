"""Points of a large pool, read in chunks, and its clusters and groups."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Generator, Tensor

from alkit.selectors.candidates import Candidates
from alkit.selectors.geometry.clustering import assign, kmeans
from alkit.selectors.geometry.points import Points
from alkit.selectors.part import LARGE
from alkit.selectors.spaces import Space

CHUNK = 2**13  # candidates read at a time
SIZE = 2**11  # mean number of candidates in a group
SEEN = 64  # candidates per group from which the centers of the groups are found


class Rows:
    """Points of candidates, computed when some of them are taken.

    The points of a ``joint`` space are computed once, and kept.

    Args:
        space: the space.
        candidates: N candidates.

    Attributes:
        known: points of the annotated samples, or None.
    """

    def __init__(self, space: Space, candidates: Candidates) -> None:
        ours = candidates.only(space.needs | {"annotated"})
        self._space, self._candidates, self._whole = space, ours.alone(), None
        if space.joint:
            self._whole, self.known = space(ours)
        else:
            self.known = space(ours[torch.arange(1)])[1]

    @property
    def device(self) -> torch.device:
        """Device of the members of clusters, which are positions."""
        return torch.device("cpu")

    def __len__(self) -> int:
        return len(self._candidates)

    def __getitem__(self, rows: Tensor) -> Points:
        if self._whole is not None:
            return self._whole[rows.to(self._whole.device)]
        return self._space(self._candidates[rows])[0]

    def chunks(self, rows: Tensor) -> Iterator[tuple[Tensor, Points]]:
        """Some of the points in parts, each with its rows."""
        return ((part, self[part]) for part in rows.split(CHUNK))

    def drawn(self, generator: Generator) -> Tensor:
        """At most 65,536 rows, drawn at random, ascending."""
        return torch.randperm(len(self), generator=generator)[:LARGE].sort().values


def clustered(points: Rows, k: int, generator: Generator) -> tuple[list[Tensor], Tensor]:
    """Rows of the members of k clusters, and the clusters ``(A,)`` of the annotated samples.

    Centers are found by k-means of 65,536 points, drawn at random, and the annotated samples; each
    point then belongs to the nearest center. Cost: that of k-means, and O(N k D) multiply-adds.
    """
    drawn = points[points.drawn(generator)]
    known = points.known
    centers = kmeans([drawn] if known is None else [drawn, known], k, generator).centers
    none = torch.empty(0, dtype=torch.long)
    theirs = none if known is None else nearest(known, centers)[0].cpu()
    return _grouped(points, torch.arange(len(points)), centers), theirs


def groups_of(points: Rows, rows: Tensor, generator: Generator) -> list[Tensor]:
    """Split rows by k-means into groups of about 2,048 that lie together, none above 8,192."""
    k = -(-len(rows) // SIZE)
    if k <= 1:
        return [rows]
    drawn = rows[torch.randperm(len(rows), generator=generator)[: SEEN * k].sort().values]
    groups = _grouped(points, rows, kmeans([points[drawn]], k, generator).centers)
    return [part for group in groups if len(group) for part in group.split(4 * SIZE)]


def nearest(points: Points, centers: Tensor) -> tuple[Tensor, Tensor]:
    """Nearest center ``(N,)`` of each point, and its squared distance by the GEMM form."""
    origin = centers.mean(0)
    labels, about = assign([points], centers, origin)
    if len(points.factors) == 1:
        about = about - 2 * (points.matrices[0] @ origin) + origin.square().sum()
    return labels, about


def _grouped(points: Rows, rows: Tensor, centers: Tensor) -> list[Tensor]:
    """Rows by their nearest center; in each group, the nearest first."""
    found = [nearest(part, centers) for _, part in points.chunks(rows)]
    labels, about = (torch.cat(column).cpu() for column in zip(*found, strict=True))
    order = about.argsort()
    order = order[labels[order].argsort(stable=True)]
    return [*rows[order].split(torch.bincount(labels, minlength=len(centers)).tolist())]
