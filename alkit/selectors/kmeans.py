from __future__ import annotations

import torch
from torch import Generator, Tensor

from alkit.errors import ScoreError
from alkit.selectors.candidates import Candidates, needed
from alkit.selectors.geometry.clustering import kmeans, space_with_means
from alkit.selectors.geometry.farthest import farthest_first
from alkit.selectors.geometry.points import Points
from alkit.selectors.selector import Selector
from alkit.selectors.spaces import Space, shown

MOST_KNOWN = 1000  # annotated samples that add a cluster each


class KMeans(Selector):
    """The candidate nearest to the mean of each of n clusters without annotated samples.

    k-means splits the candidates and the A annotated samples into ``n + min(A, 1000)`` clusters, so
    at least n hold no annotated sample; beyond 1000, those that hold the fewest are used. The
    largest clusters come first. Zhdanov 2019, "Diverse mini-batch active learning", section 3,
    clusters the candidates alone, and therefore returns to the same places each round.

    ``KMeans(weighted=True)`` is CLUE: Prabhu et al. 2021, "Active domain adaptation via clustering
    uncertainty-weighted embeddings", section 3.2, with ``criterion=Entropy()``. The candidates form
    n clusters, which minimize squared distances weighted by the scores. Clusters come in descending
    order of their weight; annotated samples are ignored.

    Cost: at most O(N (n + A) (D + 320)) multiply-adds, with A no more than 1000;
    O(32 (N + A) + n D) memory. See ``alkit.selectors.geometry.clustering.kmeans``.

    Args:
        space: space in which candidates are compared: euclidean, or cosine (spherical k-means).
            Default: ``Features()``.
        weighted: whether scores weight the distances. They must not be negative; if all are zero,
            all candidates weigh the same.

    Raises:
        ConfigurationError: the space has the manhattan distance.
        ScoreError: a score is negative.
    """

    def __init__(self, space: Space | None = None, *, weighted: bool = False) -> None:
        self.space = space_with_means(space)
        self.weighted = weighted
        self.needs = self.space.needs | {"scores" if weighted else "annotated"}

    def select(self, candidates: Candidates, n: int, generator: Generator) -> Tensor:
        if not self.weighted:
            return medoids(*self.space(candidates), n, generator)
        scores = needed(candidates.scores, "scores")
        if (scores < 0).any():
            raise ScoreError(
                f"{self!r} weights distances by scores, which must not be negative: the lowest is "
                f"{float(scores.min()):.3g}. Use al.Rank(criterion) or MinMax(criterion)."
            )
        points, _ = self.space(candidates.alone())
        return medoids(points, None, n, generator, weights=scores)

    def __repr__(self) -> str:
        parts = [shown(self.space), "weighted=True" if self.weighted else ""]
        return f"KMeans({', '.join(filter(None, parts))})"


def medoids(
    points: Points,
    known: Points | None,
    n: int,
    generator: Generator,
    weights: Tensor | None = None,
) -> Tensor:
    """Return ``n`` positions, each nearest to the center of its cluster; large clusters first.

    Args:
        points: N candidates.
        known: points of the annotated samples; clusters that hold any of them come last.
        n: number of picks, at most N.
        generator: source of random numbers, for the clustering and for ties.
        weights: ``(N,)``, not negative; see ``kmeans``. Not together with ``known``.
    """
    if n == len(points):
        return torch.randperm(n, generator=generator)
    parts = [points] if known is None else [points, known]
    k = n + (0 if known is None else min(len(known), MOST_KNOWN))
    clusters = kmeans(parts, k, generator, weights)
    members = clusters.members(len(points), generator)
    held = torch.bincount(clusters.labels[len(points) :], minlength=k)
    wanted = clusters.sizes(weights).argsort(descending=True, stable=True)
    wanted = wanted[held[wanted].argsort(stable=True)].tolist()
    nearest = torch.cat([members[cluster][:1] for cluster in wanted])
    return completed(nearest[:n].cpu(), points, known, n, generator)


def completed(
    picks: Tensor, points: Points, known: Points | None, n: int, generator: Generator
) -> Tensor:
    """Drop picks that repeat an annotated sample or an earlier pick; add the farthest candidates.

    Args:
        picks: at most ``n`` positions, on the CPU.
        points: N candidates.
        known: points of the annotated samples.
        n: number of positions to return.
        generator: source of random numbers, for ties.
    """
    chosen = points[picks.to(points.device)]
    repeats = torch.zeros(len(picks), dtype=torch.bool, device=points.device)
    if known is not None:
        repeats |= chosen.reach(known) == 0
    for start in range(0, len(picks), 512):
        part = slice(start, start + 512)
        equal = chosen[part].squared_distances(chosen[: start + 512]) == 0
        repeats[part] |= equal.tril(start - 1).any(1)
    picks = picks[~repeats.cpu()]
    if len(picks) == n:
        return picks
    free = torch.ones(len(points), dtype=torch.bool)
    free[picks] = False
    rest = free.nonzero().flatten()
    centers = joined(points[picks.to(points.device)], known)
    others = points.part(rest.to(points.device))
    more = farthest_first(others, centers if len(centers) else None, n - len(picks), generator)
    return torch.cat([picks, rest[more]])


def joined(points: Points, others: Points | None) -> Points:
    """Concatenate the points of both."""
    if others is None:
        return points
    factors = zip(points.matrices, others.matrices, strict=True)
    return Points(tuple(torch.cat(pair) for pair in factors), points.metric)
