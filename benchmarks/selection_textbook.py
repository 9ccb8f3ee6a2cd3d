"""Textbook baselines for ``selection.py``, plain and independent of alkit.

Each takes ``(arrays, n)`` and returns the work as a function without arguments, so that imports and
preparation are not timed. They are the reference for picks and objectives.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from selection_joint import batchbald
from selection_workloads import (
    LLOYD,
    RADIUS,
    WIDTH,
    Arrays,
    gradient_factors,
    nearest,
    squared_distances,
)
from torch import Tensor

Work = Callable[[], np.ndarray]


def _largest(scores: np.ndarray, n: int) -> np.ndarray:
    top = np.argpartition(-scores, n - 1)[:n]
    return top[np.argsort(-scores[top], kind="stable")]


def margin(arrays: Arrays, n: int) -> Work:
    def work() -> np.ndarray:
        top = np.partition(arrays.probabilities, -2, axis=1)
        return _largest(top[:, -2] - top[:, -1], n)

    return work


def least_confidence(arrays: Arrays, n: int) -> Work:
    return lambda: _largest(-arrays.probabilities.max(1), n)


def entropy(arrays: Arrays, n: int) -> Work:
    def work() -> np.ndarray:
        p = torch.from_numpy(arrays.probabilities)
        return _largest(-torch.xlogy(p, p).sum(1).numpy(), n)

    return work


def kcenter(arrays: Arrays, n: int) -> Work:
    """Greedy k-center, one pass over the pool per pick; starts at row 0 if none is annotated."""
    rows = torch.from_numpy(arrays.rows)
    pool, known = rows[: len(arrays.pool)], rows[len(arrays.pool) :]

    def work() -> np.ndarray:
        norms = (pool * pool).sum(1)
        closest = nearest((pool,), (known,)) if len(known) else torch.full_like(norms, torch.inf)
        picks = []
        for _ in range(n):
            pick = int(closest.argmax())
            picks.append(pick)
            distances = norms + norms[pick] - 2 * (pool @ pool[pick])
            closest = torch.minimum(closest, distances)
            closest[pick] = -torch.inf
        return np.array(picks)

    return work


def badge(arrays: Arrays, n: int, seed: int = 0) -> Work:
    """k-means++ on the factored gradient embedding, with one pass over the pool per pick.

    The first pick is drawn in proportion to the squared norm, as if the origin were a center.
    """
    factors = gradient_factors(arrays)

    def work() -> np.ndarray:
        generator = torch.Generator().manual_seed(seed)
        closest = torch.stack([(factor * factor).sum(1) for factor in factors]).prod(0)
        picks = []
        for _ in range(n):
            shares = closest.double().cumsum(0)
            point = torch.rand((), generator=generator, dtype=torch.float64) * shares[-1]
            pick = min(int(torch.searchsorted(shares, point, right=True)), len(shares) - 1)
            picks.append(pick)
            center = tuple(factor[pick : pick + 1] for factor in factors)
            closest = torch.minimum(closest, squared_distances(factors, center)[:, 0])
            closest[pick] = 0
        return np.array(picks)

    return work


def _clusters(rows: Tensor, k: int, seed: int) -> tuple[Tensor, Tensor]:
    """Labels and centers after Lloyd's passes, started from random rows."""
    generator = torch.Generator().manual_seed(seed)
    centers = rows[torch.randperm(len(rows), generator=generator)[:k]]
    labels = torch.zeros(len(rows), dtype=torch.long)
    for _ in range(LLOYD):
        half = (centers * centers).sum(1) / 2
        labels = torch.cat([(block @ centers.T - half).argmax(1) for block in rows.split(4096)])
        sums = torch.zeros_like(centers).index_add_(0, labels, rows)
        sizes = labels.bincount(minlength=k)[:, None]
        centers = torch.where(sizes > 0, sums / sizes.clamp(min=1), centers)
    return labels, centers


def kmeans(arrays: Arrays, n: int, seed: int = 0) -> Work:
    """Nearest row, among those not taken yet, to each of n centers."""
    rows = torch.from_numpy(arrays.pool)

    def work() -> np.ndarray:
        _, centers = _clusters(rows, n, seed)
        picks: list[int] = []
        for distances in squared_distances((centers,), (rows,)):
            distances[picks] = torch.inf
            picks.append(int(distances.argmin()))
        return np.array(picks)

    return work


def typiclust(arrays: Arrays, n: int, neighbors: int = 20, seed: int = 0) -> Work:
    """Row with the smallest mean distance to its neighbors in each cluster, largest first."""
    rows = torch.from_numpy(arrays.pool)

    def work() -> np.ndarray:
        labels, _ = _clusters(rows, n, seed)
        picks = []
        for cluster in labels.bincount(minlength=n).argsort(descending=True):
            members = (labels == cluster).nonzero().flatten()
            if not len(members):
                continue
            k = min(neighbors, len(members) - 1)
            distances = squared_distances((rows[members],), (rows[members],)).sqrt()
            mean = distances.topk(k + 1, largest=False).values.sum(1)
            picks.append(int(members[mean.argmin()]))
        return np.array(picks)

    return work


def _greedy_coverage(similarity: Tensor, n: int) -> np.ndarray:
    """Greedy maximization of ``sum_x max_(picked) similarity``, from an N x N matrix."""
    covered = torch.zeros(len(similarity))
    picks: list[int] = []
    for _ in range(n):
        gains = torch.cat([(block - covered).clamp(min=0).sum(1) for block in similarity.split(64)])
        gains[picks] = -1
        picks.append(int(gains.argmax()))
        covered = torch.maximum(covered, similarity[picks[-1]])
    return np.array(picks)


def probcover(arrays: Arrays, n: int) -> Work:
    """Greedy choice of the ball of a given radius that covers the most rows not covered yet."""
    rows = torch.from_numpy(arrays.pool)

    def work() -> np.ndarray:
        near = (squared_distances((rows,), (rows,)) <= RADIUS**2).float()
        return _greedy_coverage(near, n)

    return work


def herding(arrays: Arrays, n: int) -> Work:
    """MaxHerding with the whole kernel matrix."""
    rows = torch.from_numpy(arrays.pool)

    def work() -> np.ndarray:
        kernel = squared_distances((rows,), (rows,)).div_(-(WIDTH**2)).exp_()
        return _greedy_coverage(kernel, n)

    return work


def facility_location(arrays: Arrays, n: int) -> Work:
    """Facility location with the whole matrix of cosines; negative ones count as zero."""
    rows = torch.from_numpy(arrays.pool)
    return lambda: _greedy_coverage((rows @ rows.T).clamp_(min=0), n)


METHODS = {
    "margin": {"textbook": margin},
    "least confidence": {"textbook": least_confidence},
    "entropy": {"textbook": entropy},
    "k-center": {"textbook": kcenter},
    "BADGE": {"textbook": badge},
    "BatchBALD": {"textbook": batchbald},
    "k-means medoids": {"textbook": kmeans},
    "TypiClust": {"textbook": typiclust},
    "ProbCover": {"textbook": probcover},
    "MaxHerding": {"textbook": herding},
    "facility location": {"textbook": facility_location},
}
