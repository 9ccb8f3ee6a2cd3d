"""Clusters that give up their members one by one, the most typical first."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from alkit.selectors.geometry.neighbors import TINY, densest, nearest_means
from alkit.selectors.geometry.points import Points
from alkit.selectors.large_pool import SIZE, Rows, groups_of

RANKED = 256  # members of a large cluster whose neighbors are found in all of it


class Cluster:
    """Members of a cluster, and the most typical of those that are left.

    Args:
        points: N candidates.
        members: positions of the members, preferably the nearest to the center first.
        neighbors: number of nearest neighbors, at most half of the members that are left.
        luck: ``(N,)`` random numbers in [0, 1), for ties.
    """

    def __init__(
        self, points: Points | Rows, members: Tensor, neighbors: int, luck: Tensor
    ) -> None:
        self.points, self.members = points, members
        self.neighbors, self.luck = neighbors, luck

    def without(self, known: Points) -> None:
        """Drop the members that equal one of these points."""
        if len(known):
            left = self.points[self.members].reach(known) > 0
            self.members = self.members[left.to(self.members.device)]

    def take(self) -> int | None:
        """The most typical member, which is dropped with all that equal it; None if none is left.

        Cost: O(M^2 D) multiply-adds for M members.
        """
        members = self.members
        if len(members) < 2:
            self.members = members[:0]
            return int(members) if len(members) else None
        inside, luck = self.points[members], self.luck[members]
        k = max(min(self.neighbors, len(members) // 2), 1)
        best = densest(inside, k, luck.to(inside.device))
        equal = inside.equals(inside[best : best + 1]).to(members.device)
        self.members = members[~equal]
        return int(members[equal][luck[equal].argmin()])


class LargeCluster(Cluster):
    """Large cluster, where neighbors are first found in groups of about 2,048 members.

    The 256 members that are most typical in their groups are ranked by their neighbors in the whole
    cluster. Members that were taken still count as neighbors of these.

    Cost: O(M (2048 + 256) D) multiply-adds for the first 256 members that are taken.
    """

    def __init__(
        self,
        points: Rows,
        members: Tensor,
        neighbors: int,
        luck: Tensor,
        generator: Generator,
    ) -> None:
        super().__init__(points, members, neighbors, luck)
        self.points: Rows = points
        self.generator, self.ranked = generator, members[:0]
        self.taken: list[int] = []

    def without(self, known: Points) -> None:
        if len(known):
            parts = self.points.chunks(self.members)
            self.members = torch.cat([rows[(x.reach(known) > 0).cpu()] for rows, x in parts])

    def take(self) -> int | None:
        if not len(self.ranked):
            if self.taken:
                self.without(self.points[torch.tensor(self.taken)])
                self.taken = []
            if len(self.members) <= 4 * SIZE:
                return super().take()
            self.ranked = self._ranked()
            self.members = self.members[~torch.isin(self.members, self.ranked)]
        inside = self.points[self.ranked]
        self.taken.append(int(self.ranked[0]))
        self.ranked = self.ranked[~inside.equals(inside[:1]).cpu()]
        return self.taken[-1]

    def _ranked(self) -> Tensor:
        """The most typical members, in order."""
        k, found = self.neighbors, []
        for group in groups_of(self.points, self.members, self.generator):
            if len(group) > 2 * k:
                inside = self.points[group]
                rows = torch.arange(len(group), device=inside.device)
                found.append((nearest_means(inside, rows, k)[0].cpu(), group))
        if not found:  # groups are tiny, as after a split of points without clusters
            return self.members[:RANKED]
        means, rows = (torch.cat(column) for column in zip(*found, strict=True))
        rows = rows[means.topk(min(RANKED, len(rows)), largest=False).indices]
        chosen = self.points[rows]
        nearest = torch.full((len(rows), k), torch.inf, dtype=chosen.dtype, device=chosen.device)
        for part, others in self.points.chunks(self.members):
            apart = chosen.distances(others)
            apart[(rows[:, None] == part).to(apart.device)] = torch.inf
            nearest = torch.cat([nearest, apart], 1).topk(k, largest=False, sorted=False).values
        means = nearest.mean(1, dtype=torch.float64).cpu()
        return rows[((means + TINY) * (1 + 1e-6 * self.luck[rows])).argsort()]
