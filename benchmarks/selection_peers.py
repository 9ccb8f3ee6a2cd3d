"""Other libraries, called through their public functions on the same arrays.

Each method takes ``(arrays, n)`` and returns the work as a function without arguments. Imports,
stub classifiers and label arrays are created beforehand, so they cost the peer nothing. If a
library offers several ways, the cheapest is used. Data is passed in the form that the library
copies least. An ImportError means that a peer is not installed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import selection_joint as joint
import selection_peers_scored as scored
from selection_workloads import RADIUS, WIDTH, Arrays

Work = Callable[[], np.ndarray]
DISTRIBUTIONS = (
    "scikit-activeml", "baal", "batchbald-redux", "small-text", "modAL-python", "scikit-learn",
    "faiss-cpu", "submodlib-py", "apricot-select", "lightly-mundig", "numpy", "torch",
)  # fmt: skip


def _skactiveml_on_rows(arrays: Arrays, n: int, name: str, **options: Any) -> Work:
    import skactiveml.pool

    labels = np.full(len(arrays.rows), np.nan)
    labels[len(arrays.pool) :] = 0
    strategy = getattr(skactiveml.pool, name)(random_state=0, **options)
    return lambda: strategy.query(arrays.rows, labels, batch_size=n)


def kcenter_skactiveml(arrays: Arrays, n: int) -> Work:
    return _skactiveml_on_rows(arrays, n, "CoreSet")


def kcenter_small_text(arrays: Arrays, n: int) -> Work:
    from small_text.query_strategies.coresets import greedy_coreset

    free = np.arange(len(arrays.pool))
    known = np.arange(len(arrays.pool), len(arrays.rows))
    return lambda: greedy_coreset(
        arrays.rows, free, known, n, distance_metric="euclidean", batch_size=4096
    )


def badge_skactiveml(arrays: Arrays, n: int) -> Work:
    from skactiveml.pool import Badge

    X, y, known = scored.nothing_annotated(arrays, embeddings=True)
    strategy = Badge(random_state=0)
    return lambda: np.array(strategy.query(X, y, known, fit_clf=False, batch_size=n))


def _distinct_nearest(centers: np.ndarray, rows: np.ndarray, nearest: np.ndarray) -> np.ndarray:
    """Row nearest to each center; if two centers share a row, the next nearest free one."""
    taken: dict[int, None] = {}
    for center, row in zip(centers, nearest.tolist(), strict=True):
        if row in taken:
            order = np.argsort(((rows - center) ** 2).sum(1))
            row = next(int(i) for i in order if int(i) not in taken)
        taken[row] = None
    return np.array(list(taken))


def kmeans_sklearn(name: str) -> Callable[[Arrays, int], Work]:
    def method(arrays: Arrays, n: int) -> Work:
        from sklearn import cluster
        from sklearn.metrics import pairwise_distances_argmin

        clusters = getattr(cluster, name)(n, random_state=0)

        def work() -> np.ndarray:
            centers = clusters.fit(arrays.pool).cluster_centers_
            nearest = pairwise_distances_argmin(centers, arrays.pool)
            return _distinct_nearest(centers, arrays.pool, nearest)

        return work

    return method


def kmeans_faiss(arrays: Arrays, n: int) -> Work:
    import faiss

    def work() -> np.ndarray:
        clusters = faiss.Kmeans(arrays.pool.shape[1], n, niter=10, seed=1)
        clusters.train(arrays.pool)
        centers = np.asarray(clusters.centroids)
        nearest = faiss.knn(centers, arrays.pool, 1)[1][:, 0]
        return _distinct_nearest(centers, arrays.pool, nearest)

    return work


def kmeans_small_text(arrays: Arrays, n: int) -> Work:
    from small_text.query_strategies import EmbeddingKMeans

    free, sample = np.arange(len(arrays.pool)), EmbeddingKMeans(normalize=False).sample
    return lambda: sample(None, None, free, free[:0], None, n, arrays.pool)


def typiclust_skactiveml(arrays: Arrays, n: int) -> Work:
    return _skactiveml_on_rows(arrays, n, "TypiClust", k=20)


def typiclust_skactiveml_minibatch(arrays: Arrays, n: int) -> Work:
    from sklearn.cluster import MiniBatchKMeans

    return _skactiveml_on_rows(arrays, n, "TypiClust", k=20, cluster_algo=MiniBatchKMeans)


def probcover_skactiveml(arrays: Arrays, n: int) -> Work:
    return _skactiveml_on_rows(arrays, n, "ProbCover", deltas=[RADIUS])


def herding_skactiveml(arrays: Arrays, n: int) -> Work:
    options = {"normalize_samples": False, "metric_dict": {"gamma": 1 / WIDTH**2}}
    return _skactiveml_on_rows(arrays, n, "MaxHerding", **options)


# --- facility location ----------------------------------------------------------------------------


def _cosines(arrays: Arrays) -> np.ndarray:
    similarity = arrays.pool @ arrays.pool.T
    return np.maximum(similarity, 0, out=similarity)


def facility_submodlib(arrays: Arrays, n: int) -> Work:
    """submodlib in dense mode, with a numpy kernel because its own is many times slower."""
    from submodlib import FacilityLocationFunction

    def work() -> np.ndarray:
        f = FacilityLocationFunction(
            n=len(arrays.pool), mode="dense", separate_rep=False, sijs=_cosines(arrays)
        )
        chosen = f.maximize(
            budget=n,
            optimizer="LazyGreedy",
            stopIfZeroGain=False,
            stopIfNegativeGain=False,
            verbose=False,
            show_progress=False,
        )
        return np.array([row for row, _ in chosen])

    return work


def facility_apricot(arrays: Arrays, n: int) -> Work:
    from apricot import FacilityLocationSelection

    def work() -> np.ndarray:
        chosen = FacilityLocationSelection(n, metric="precomputed", optimizer="lazy")
        return np.asarray(chosen.fit(_cosines(arrays).astype(np.float64)).ranking)

    return work


METHODS: dict[str, dict[str, Callable[[Arrays, int], Work]]] = {
    **scored.METHODS,
    "k-center": {"scikit-activeml": kcenter_skactiveml, "small-text": kcenter_small_text},
    "BADGE": {"scikit-activeml": badge_skactiveml},
    "BatchBALD": joint.PEERS,
    "k-means medoids": {
        "scikit-learn MiniBatchKMeans": kmeans_sklearn("MiniBatchKMeans"),
        "scikit-learn KMeans": kmeans_sklearn("KMeans"),
        "faiss": kmeans_faiss,
        "small-text": kmeans_small_text,
    },
    "TypiClust": {
        "scikit-activeml": typiclust_skactiveml,
        "scikit-activeml minibatch": typiclust_skactiveml_minibatch,
    },
    "ProbCover": {"scikit-activeml": probcover_skactiveml},
    "MaxHerding": {"scikit-activeml": herding_skactiveml},
    "facility location": {"submodlib": facility_submodlib, "apricot": facility_apricot},
}
