"""Cells of centers: the points that are nearest to each, kept exact as centers are added."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from alkit.progress import report
from alkit.selectors.geometry.coverage import blocks
from alkit.selectors.geometry.points import Points

PART = 512  # points whose differences are computed at a time
ROUNDED = 1.03  # squared distances by products may be this much above the true ones
TIED = 1 - 2.0**-30  # sums of cells that are this close to the largest are as large


class Cells:
    """Voronoi cells of centers, and the squared distance of each point to its center.

    Products of all points find the nearest center; differences in float64 give its distance, so
    equal points have equal distances. Equal centers have one cell. Cost: N D multiply-adds per
    center. Memory: O(N) beyond the points.

    Args:
        points: N points.
        centers: centers from the start; None for no center.

    Attributes:
        squared: ``(N,)`` float64 squared distances to the nearest center; infinite without one.
        cell: ``(N,)`` number of this center.
        number: number of centers so far.
    """

    def __init__(self, points: Points, centers: Points | None = None) -> None:
        self.points, self.number = points, 0
        ones = torch.ones(len(points), dtype=torch.float64, device=points.device)
        self.squared, self.cell = ones * torch.inf, ones.long()
        if centers is not None:
            self._meet(distinct(centers))

    def add(self, pick: int) -> None:
        """Make one of the points a center."""
        center = self.points[pick : pick + 1]
        about = self.points.squared_distances(center)[:, 0]
        near = (about <= ROUNDED * self.squared).nonzero().flatten()
        for rows in near.split(PART):
            squared = self.points[rows].apart(center).square_()
            closer = squared < self.squared[rows]
            self.squared[rows[closer]] = squared[closer]
            self.cell[rows[closer]] = self.number
        self.number += 1

    def largest(self) -> Tensor:
        """``(N,)`` mask of the points in the cell with the largest sum of squared distances."""
        sums = torch.bincount(self.cell, self.squared, self.number)
        return (sums >= TIED * sums.amax())[self.cell]

    def _meet(self, centers: Points) -> None:
        for points in (self.points, centers):
            points.squared_distances(centers[:1])  # caches the norms for all blocks
        for rows in blocks(self.points):
            report(rows.start, len(self.points))
            part = self.points[rows]
            least = torch.full_like(self.squared[rows], torch.inf)
            for others in blocks(centers):
                low, nearest = part.squared_distances(centers[others]).min(1)
                closer = low < least
                least[closer] = low[closer].double()
                self.cell[rows][closer] = nearest[closer] + others.start
            self.squared[rows] = part.apart(centers[self.cell[rows]]).square_()
        self.number = len(centers)


def distinct(points: Points) -> Points:
    """The points without those that equal an earlier one."""
    _, group = torch.unique(torch.cat(points.matrices, 1), dim=0, return_inverse=True)
    rows = torch.arange(len(group), device=group.device)
    first = torch.full_like(rows, len(rows)).scatter_reduce_(0, group, rows, "amin")
    return points[first[first < len(rows)].sort().values]


def farthest_in_largest(
    points: Points, known: Points | None, n: int, generator: Generator
) -> Tensor:
    """Pick ``n`` positions, each the farthest from its center in the largest cell.

    Args:
        points: N candidates.
        known: centers from the start; without them, the first pick is the farthest from the origin.
        n: number of picks, at most N.
        generator: source of random numbers, for ties, and for the order of what equals a center.
    """
    # too small to matter between distances that differ: it only breaks ties
    luck = 1 + torch.rand(len(points), generator=generator, dtype=torch.float64) * 2.0**-30
    luck = luck.to(points.device)
    cells, picked = Cells(points, known), []
    while len(picked) < n:
        report(len(picked), n)
        if cells.number:
            heights = (cells.squared * luck).where(cells.largest(), 0)
        else:
            heights = (1 + points.squared_norms.double()) * luck
        height, best = heights.max(0)
        if height == 0:
            luck[picked] = 0
            picked += luck.topk(n - len(picked)).indices.tolist()
            break
        picked.append(int(best))
        cells.add(picked[-1])
    return torch.tensor(picked)
