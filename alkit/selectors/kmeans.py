from __future__ import annotations

from dataclasses import replace

import torch
from torch import Generator, Tensor

from alkit.errors import ScoreError
from alkit.selectors.candidates import Candidates
from alkit.selectors.geometry.clustering import kmeans, space_with_means
from alkit.selectors.geometry.farthest import farthest_first
from alkit.selectors.geometry.points import Points
from alkit.selectors.selector import Selector
from alkit.selectors.spaces import Space, shown

MOST_KNOWN = 1000  # annotated samples that get a cluster of their own


class KMeans(Selector):
    """The candidate nearest to the mean of each of n clusters that nothing is annotated of.

    Candidates and the A annotated samples fall into ``n + min(A, 1000)`` clusters by k-means, so
    that at least n hold no annotated sample (beyond 1000, those that hold the fewest are taken);
    the largest clusters come first. Zhdanov 2019, "Diverse mini-batch active learning", section
    3, clusters the candidates alone, and so returns to the same places each round.

    ``KMeans(weighted=True)`` is CLUE: Prabhu et al. 2021, "Active domain adaptation via clustering
    uncertainty-weighted embeddings", section 3.2, with ``criterion=Entropy()``. The n clusters of
    the candidates, annotated ones not looked at, minimize squared distances weighted by the
    scores, and come in the order of their weight.

    Cost: O(N (n + A) (D + 320)) multiply-adds at most, A no more than 1000; O(32 (N + A) + n D)
    memory. See ``alkit.selectors.geometry.clustering.kmeans``.

    Args:
        space: as what candidates are compared: euclidean, or cosine (spherical k-means).
            Default: ``Features()``.
        weighted: whether scores weigh the distances. They must not be negative; where all are
            zero, all weigh the same.

    Raises:
        ConfigurationError: a space of the manhattan distance.
        ScoreError: a negative score.
    """

    def __init__(self, space: Space | None = None, *, weighted: bool = False) -> None:
        self.space = space_with_means(space)
        self.weighted = weighted
        self.needs = self.space.needs | {"scores" if weighted else "annotated"}

    def select(self, candidates: Candidates, n: int, generator: Generator) -> Tensor:
        if not self.weighted:
            return medoids(*self.space(candidates), n, generator)
        scores: Tensor = candidates.scores  # type: ignore[assignment]
        if (scores < 0).any():
            raise ScoreError(
                f"{self!r} weighs distances by scores, which must not be negative: the lowest is "
                f"{float(scores.min()):.3g}. Use al.MinMax(criterion), or al.Rank(criterion)."
            )
        points, _ = self.space(replace(candidates, annotated=None, labels=None))
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
    """``n`` positions, each nearest to the center of its cluster; the largest clusters first.

    Args:
        points: N candidates.
        known: what is annotated already; a cluster that holds one of them is taken last.
        n: how many, at most N.
        generator: of the clustering, and of ties.
        weights: ``(N,)``, not negative; see ``kmeans``. Not with ``known``.
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
    """The picks that repeat no annotated sample and no earlier pick; then the farthest from all.

    Args:
        picks: at most ``n`` positions, on the CPU.
        points: N candidates.
        known: what is annotated already.
        n: how many are to be picked.
        generator: of ties.
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
    others = points[rest.to(points.device)]
    more = farthest_first(others, centers if len(centers) else None, n - len(picks), generator)
    return torch.cat([picks, rest[more]])


def joined(points: Points, others: Points | None) -> Points:
    """All points of both."""
    if others is None:
        return points
    factors = zip(points.factors, others.factors, strict=True)
    return Points(tuple(torch.cat(pair) for pair in factors), points.metric)
