"""alkit on the same arrays, only by ``al.select``; see ``selection_peers.py`` for the interface."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from selection_workloads import RADIUS, WIDTH, Arrays

import alkit as al

Work = Callable[[], np.ndarray]


def scored(criterion: Callable[[], Any]) -> Callable[[Arrays, int], Work]:
    def method(arrays: Arrays, n: int) -> Work:
        return lambda: np.asarray(
            al.select(n, probabilities=arrays.probabilities, criterion=criterion(), seed=0)
        )

    return method


def on_features(selector: Callable[[], Any]) -> Callable[[Arrays, int], Work]:
    def method(arrays: Arrays, n: int) -> Work:
        known = np.arange(len(arrays.pool), len(arrays.rows))
        return lambda: np.asarray(
            al.select(n, embeddings=arrays.rows, annotated=known, selector=selector(), seed=0)
        )

    return method


def badge(arrays: Arrays, n: int) -> Work:
    return lambda: np.asarray(
        al.select(
            n,
            probabilities=arrays.probabilities,
            embeddings=arrays.pool,
            selector=al.KMeansPlusPlus(space=al.GradientEmbedding()),
            seed=0,
        )
    )


def batchbald(arrays: Arrays, n: int) -> Work:
    return lambda: np.asarray(
        al.select(n, probabilities=arrays.probabilities, selector=al.selectors.BatchBALD(), seed=0)
    )


METHODS = {
    "margin": {"alkit": scored(lambda: al.Margin())},
    "least confidence": {"alkit": scored(lambda: al.LeastConfidence())},
    "entropy": {"alkit": scored(lambda: al.Entropy())},
    "k-center": {"alkit": on_features(lambda: al.KCenter())},
    "BADGE": {"alkit": badge},
    "BatchBALD": {"alkit": batchbald},
    "k-means medoids": {"alkit": on_features(lambda: al.selectors.KMeans())},
    "TypiClust": {"alkit": on_features(lambda: al.selectors.TypiClust())},
    "ProbCover": {"alkit": on_features(lambda: al.selectors.ProbCover(radius=RADIUS))},
    "MaxHerding": {"alkit": on_features(lambda: al.selectors.MaxHerding(bandwidth=WIDTH))},
    "facility location": {"alkit": on_features(lambda: al.selectors.FacilityLocation())},
}
