from __future__ import annotations

from heapq import heapify, heappop, heappush

import torch
from torch import Generator, Tensor

from alkit.arguments import check_number
from alkit.progress import report
from alkit.selectors.candidates import Candidates
from alkit.selectors.geometry.clustering import kmeans, space_with_means
from alkit.selectors.geometry.neighbors import densest
from alkit.selectors.geometry.points import Points
from alkit.selectors.kmeans import completed
from alkit.selectors.selector import Selector
from alkit.selectors.spaces import Features, Space

MOST_CLUSTERS = 500
SMALL = 5  # clusters of at most this many points come last

# the features in the paper have norm one
DEFAULT = Features(normalize=True)


class TypiClust(Selector):
    """The most typical candidate of each of the largest clusters without annotated samples.

    A candidate is the more typical, the smaller its mean distance to its nearest neighbors in the
    cluster. k-means splits the candidates and the A annotated samples into ``min(A + n, 500)``
    clusters. Each pick comes from a cluster that holds the fewest annotated and picked samples, the
    largest of them first; clusters of 5 or fewer come last. Hacohen, Dekel & Weinshall 2022,
    "Active learning on a budget: opposite strategies suit high and low budgets", section 3.2. For
    few labels: a hundred, not thousands.

    Neighbors are the candidates of the cluster that are still free, at most half of them. If a
    cluster is used up, the next one takes its turn.

    Cost: O(N (A + n) (D + 320) + M^2 D) multiply-adds. M^2 is the sum of the squared sizes of the
    clusters that are picked from, about N^2 / (A + n). O(32 (N + A) + M D) memory.

    Args:
        space: space in which candidates are compared: euclidean or cosine. Default:
            ``Features(normalize=True)``.
        neighbors: number of nearest neighbors.

    Raises:
        ConfigurationError: the space has the manhattan distance, or ``neighbors`` is not an integer
            of at least 1.
    """

    def __init__(self, space: Space | None = None, *, neighbors: int = 20) -> None:
        self.space = DEFAULT if space is None else space_with_means(space)
        whole = "an integer of at least 1"
        check_number("neighbors", neighbors, whole, lambda k: k >= 1 and k == int(k))
        self.neighbors = int(neighbors)
        self.needs = self.space.needs | {"annotated"}

    def select(self, candidates: Candidates, n: int, generator: Generator) -> Tensor:
        points, known = self.space(candidates)
        if n == len(points):
            return torch.randperm(n, generator=generator)
        parts = [points] if known is None else [points, known]
        clusters = kmeans(parts, min(n + candidates.num_annotated, MOST_CLUSTERS), generator)
        theirs = clusters.labels[len(points) :]
        free = list(clusters.members(len(points)))
        luck = torch.rand(len(points), generator=generator, dtype=torch.float64)
        luck = luck.to(points.device)
        held = torch.bincount(theirs, minlength=len(free)).tolist()
        sizes = clusters.sizes().tolist()
        queue = [(sizes[i] <= SMALL, held[i], -sizes[i], i) for i in range(len(free))]
        heapify(queue)
        picks: list[int] = []
        while queue and len(picks) < n:
            report(len(picks), n)
            small, taken, size, i = heappop(queue)
            # its first turn, and it holds annotated samples
            if known is not None and taken and taken == held[i]:
                free[i] = free[i][points[free[i]].reach(known[theirs == i]) > 0]
            if len(free[i]):
                pick, free[i] = self._most_typical(points, free[i], luck)
                picks.append(pick)
                heappush(queue, (small, taken + 1, size, i))
        return completed(torch.tensor(picks, dtype=torch.long), points, known, n, generator)

    def _most_typical(self, points: Points, members: Tensor, luck: Tensor) -> tuple[int, Tensor]:
        """Most typical member of a cluster, and the members that do not equal it."""
        if len(members) == 1:
            return int(members), members[:0]
        inside = points[members]
        k = max(min(self.neighbors, len(members) // 2), 1)
        best = densest(inside, k, luck[members])
        equal = inside.equals(inside[best : best + 1])
        twins = members[equal]
        return int(twins[luck[twins].argmin()]), members[~equal]

    def __repr__(self) -> str:
        parts = ["" if repr(self.space) == repr(DEFAULT) else f"space={self.space!r}"]
        parts += [] if self.neighbors == 20 else [f"neighbors={self.neighbors}"]
        return f"TypiClust({', '.join(filter(None, parts))})"
