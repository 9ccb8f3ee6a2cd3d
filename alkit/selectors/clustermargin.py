from __future__ import annotations

import numpy as np
import torch
from torch import Generator, Tensor

from alkit.arguments import check_number
from alkit.hardware import check_memory
from alkit.selectors.candidates import Candidates
from alkit.selectors.geometry.points import Points
from alkit.selectors.kmeans import completed
from alkit.selectors.selector import Selector
from alkit.selectors.spaces import Space, as_space, shown
from alkit.selectors.topk import TopK


class ClusterMargin(Selector):
    """Picks from clusters of the ``factor * n`` highest scores in turn, small clusters first.

    Citovsky et al. 2021, "Batch active learning at scale", Algorithms 1 and 2, with
    ``criterion=Margin()``. Clusters are formed by average linkage. They take turns in ascending
    order of their sizes; each turn picks a random member, until the cluster is used up.

    The paper clusters the pool once, and cuts the tree at a linkage distance tuned by hand. Here
    only the highest scores are clustered, at each query, because clustering a whole pool takes
    quadratic memory. The tree is cut into n clusters, a number that fits every scale of the
    features. Equal candidates share a cluster.

    Cost: O(N + m^2 D) time for m = ``factor * n``, and a few times m^2 on the CPU, where scipy
    builds the tree; O(m^2) memory, checked beforehand.

    Args:
        space: space in which candidates are compared. Default: ``Features()``.
        factor: number of candidates that are clustered, as a multiple of n, at least 1.
        clusters: number of clusters. Default: n.

    Raises:
        ConfigurationError: ``factor`` is below 1, or ``clusters`` is not an integer of at least 1.
    """

    def __init__(
        self, space: Space | None = None, *, factor: float = 10, clusters: int | None = None
    ) -> None:
        self.space = as_space(space)
        check_number("factor", factor, "a number of at least 1", lambda factor: factor >= 1)
        if clusters is not None:
            whole = "an integer of at least 1"
            check_number("clusters", clusters, whole, lambda k: k >= 1 and k == int(k))
        self.factor, self.clusters = factor, clusters
        self.needs = self.space.needs | {"scores"}

    def select(self, candidates: Candidates, n: int, generator: Generator) -> Tensor:
        top = TopK().select(candidates, min(int(self.factor * n), len(candidates)), generator)
        top = top.cpu().sort().values  # a fixed order, as equal scores come in any order
        points, _ = self.space(candidates.only(self.space.needs)[top])
        if len(top) == 1:
            return top
        labels = average_linkage(points, n if self.clusters is None else int(self.clusters))
        order = torch.randperm(len(top), generator=generator)
        order = order[labels[order].argsort(stable=True)]
        sizes = torch.bincount(labels)
        turns = torch.empty_like(order)
        turns[order] = torch.arange(len(top)) - (sizes.cumsum(0) - sizes)[labels[order]]
        luck = torch.rand(len(sizes), generator=generator)
        ranked = torch.from_numpy(np.lexsort((luck[labels], sizes[labels], turns)))
        return top[completed(ranked[:n], points, None, n, generator)]

    def __repr__(self) -> str:
        parts = [shown(self.space), "" if self.factor == 10 else f"factor={self.factor}"]
        parts += [] if self.clusters is None else [f"clusters={self.clusters}"]
        return f"ClusterMargin({', '.join(filter(None, parts))})"


def average_linkage(points: Points, k: int) -> Tensor:
    """Clusters ``(M,)`` of at least two points, at most ``k`` clusters, on the CPU.

    The distance of two clusters is the mean distance between their points. The nearest two are
    merged until k are left. Merges at equal distances are all made, or none of them.
    """
    from scipy.cluster.hierarchy import fcluster, linkage  # slow to import

    number = len(points)
    what = f"the tree of {number:,} candidates"
    check_memory(8 * number**2, "cpu", what, "Use a smaller factor.")
    condensed, filled = np.empty(number * (number - 1) // 2), 0
    for start in range(0, number - 1, 256):
        block = points[start : start + 256].distances(points[start:]).cpu().numpy()
        for row in range(min(len(block), number - 1 - start)):
            above = block[row, row + 1 :]
            condensed[filled : filled + len(above)] = above
            filled += len(above)
    labels = fcluster(linkage(condensed, "average"), k, "maxclust")
    return torch.from_numpy(labels.astype(np.int64)) - 1
