from __future__ import annotations

from collections.abc import Sequence
from heapq import heapify, heappop, heappush

import torch
from torch import Generator, Tensor

from alkit.arguments import check_number
from alkit.progress import aside, report
from alkit.selectors.candidates import Candidates, Picks
from alkit.selectors.geometry.clustering import kmeans, space_with_means
from alkit.selectors.geometry.points import Points
from alkit.selectors.kmeans import completed
from alkit.selectors.large_pool import SIZE, Rows, clustered
from alkit.selectors.part import completed_in_part, is_large_pool
from alkit.selectors.selector import Selector
from alkit.selectors.spaces import Features, Space
from alkit.selectors.typical import Cluster, LargeCluster

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

    If there are more than 65,536 candidates, k-means finds the clusters from that many, drawn at
    random, and each candidate belongs to the nearest. Clusters of more than 8,192 are split into
    groups of about 2,048. Of the 256 candidates that are most typical in their groups, the one that
    is most typical in the whole cluster is picked. ``query.why`` states it.

    Cost: O(N (A + n) (D + 320) + M^2 D) multiply-adds. M^2 is the sum of the squared sizes of the
    clusters that are picked from, about N^2 / (A + n); for those that are split, it is 2,304 M.
    O(32 (N + A) + M D) memory; for large pools, M is at most 65,536, and the features are not
    copied.

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

    def select(self, candidates: Candidates, n: int, generator: Generator) -> Tensor | Picks:
        if is_large_pool(candidates):
            return self._of_large(candidates, n, generator)
        points, known = self.space(candidates)
        if n == len(points):
            return torch.randperm(n, generator=generator)
        parts = [points] if known is None else [points, known]
        found = kmeans(parts, min(n + candidates.num_annotated, MOST_CLUSTERS), generator)
        members, theirs = found.members(len(points)), found.labels[len(points) :]
        picks = self._picks(points, known, members, theirs, n, generator)
        return completed(picks, points, known, n, generator)

    def _of_large(self, candidates: Candidates, n: int, generator: Generator) -> Picks:
        if n == len(candidates):
            return Picks(torch.randperm(n, generator=generator))
        points = Rows(self.space, candidates)
        k = min(n + candidates.num_annotated, MOST_CLUSTERS)
        members, theirs = clustered(points, k, generator)
        picks = self._picks(points, points.known, members, theirs, n, generator)
        picks = completed_in_part(self.space, candidates, picks, n, generator)
        return Picks(picks, note=f"neighbors within groups of about {SIZE:,} candidates")

    def _picks(
        self,
        points: Points | Rows,
        known: Points | None,
        members: Sequence[Tensor],
        theirs: Tensor,
        n: int,
        generator: Generator,
    ) -> Tensor:
        """At most ``n`` picks: the most typical of the clusters whose turn it is.

        Args:
            points: N candidates.
            known: points of the annotated samples.
            members: candidates in each cluster.
            theirs: ``(A,)`` clusters of the annotated samples.
            n: number of picks.
            generator: source of random numbers, for ties.
        """
        luck = torch.rand(len(points), generator=generator, dtype=torch.float64)
        luck = luck.to(points.device)
        held = torch.bincount(theirs, minlength=len(members)).tolist()
        sizes = [len(each) + more for each, more in zip(members, held, strict=True)]
        queue = [(sizes[i] <= SMALL, held[i], -sizes[i], i) for i in range(len(members))]
        heapify(queue)
        clusters: dict[int, Cluster] = {}
        picks: list[int] = []
        while queue and len(picks) < n:
            report(len(picks), n)
            small, taken, size, i = heappop(queue)
            if i not in clusters:  # its first turn
                with aside():
                    clusters[i] = self._cluster(points, members[i], luck, generator)
                if known is not None:
                    clusters[i].without(known[(theirs == i).to(known.device)])
            pick = clusters[i].take()
            if pick is not None:
                picks.append(pick)
                heappush(queue, (small, taken + 1, size, i))
        return torch.tensor(picks, dtype=torch.long)

    def _cluster(
        self, points: Points | Rows, members: Tensor, luck: Tensor, generator: Generator
    ) -> Cluster:
        if isinstance(points, Rows) and len(members) > 4 * SIZE:
            return LargeCluster(points, members, self.neighbors, luck, generator)
        return Cluster(points, members, self.neighbors, luck)

    def __repr__(self) -> str:
        parts = ["" if repr(self.space) == repr(DEFAULT) else f"space={self.space!r}"]
        parts += [] if self.neighbors == 20 else [f"neighbors={self.neighbors}"]
        return f"TypiClust({', '.join(filter(None, parts))})"
