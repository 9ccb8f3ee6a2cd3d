"""The n most uncertain rows according to other libraries; see ``selection_peers.py``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from selection_workloads import Arrays

Work = Callable[[], np.ndarray]


class _Known:
    """Classifier with given probabilities, for modAL and small-text."""

    def __init__(self, probabilities: np.ndarray) -> None:
        self.probabilities = probabilities

    def predict_proba(self, X: Any, **_: Any) -> np.ndarray:
        return self.probabilities


def modal(function: str) -> Callable[[Arrays, int], Work]:
    def method(arrays: Arrays, n: int) -> Work:
        from modAL import uncertainty

        query, known = getattr(uncertainty, function), _Known(arrays.probabilities)
        return lambda: query(known, arrays.probabilities, n_instances=n)[0]

    return method


def baal(heuristic: str) -> Callable[[Arrays, int], Work]:
    def method(arrays: Arrays, n: int) -> Work:
        from baal.active import heuristics

        rank = getattr(heuristics, heuristic)()
        return lambda: rank(arrays.probabilities)[:n]

    return method


def skactiveml_scores(name: str) -> Callable[[Arrays, int], Work]:
    """The library's scores, then numpy: what a user writes when ``query`` is too slow."""

    def method(arrays: Arrays, n: int) -> Work:
        from skactiveml.pool import uncertainty_scores

        def work() -> np.ndarray:
            scores = uncertainty_scores(arrays.probabilities, method=name)
            return np.argpartition(-scores, n - 1)[:n]

        return work

    return method


def skactiveml_query(name: str) -> Callable[[Arrays, int], Work]:
    def method(arrays: Arrays, n: int) -> Work:
        from skactiveml.pool import UncertaintySampling

        X, y, known = nothing_annotated(arrays)
        strategy = UncertaintySampling(method=name, random_state=0)
        return lambda: np.asarray(strategy.query(X, y, known, fit_clf=False, batch_size=n))

    return method


def nothing_annotated(arrays: Arrays, embeddings: bool = False) -> tuple[Any, Any, Any]:
    from skactiveml.base import SkactivemlClassifier

    class Known(SkactivemlClassifier):
        def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Known:
            return self

        def predict_proba(self, X: Any) -> Any:
            p = arrays.probabilities
            return (p, arrays.pool) if embeddings else p

    N, C = arrays.probabilities.shape
    return np.zeros((N, 1), np.float32), np.full(N, np.nan), Known(classes=list(range(C)))


def small_text(strategy: str) -> Callable[[Arrays, int], Work]:
    def method(arrays: Arrays, n: int) -> Work:
        from small_text import query_strategies

        query = getattr(query_strategies, strategy)().query
        known, rows = _Known(arrays.probabilities), np.arange(len(arrays.probabilities))
        return lambda: query(known, rows, rows, rows[:0], rows[:0], n=n)

    return method


METHODS = {
    "margin": {
        "modAL": modal("margin_sampling"),
        "baal": baal("Margin"),
        "small-text": small_text("BreakingTies"),
        "scikit-activeml scores": skactiveml_scores("margin_sampling"),
        "scikit-activeml query": skactiveml_query("margin_sampling"),
    },
    "least confidence": {
        "modAL": modal("uncertainty_sampling"),
        "baal": baal("Certainty"),
        "small-text": small_text("LeastConfidence"),
        "scikit-activeml scores": skactiveml_scores("least_confident"),
        "scikit-activeml query": skactiveml_query("least_confident"),
    },
    "entropy": {
        "modAL": modal("entropy_sampling"),
        "baal": baal("Entropy"),
        "small-text": small_text("PredictionEntropy"),
        "scikit-activeml scores": skactiveml_scores("entropy"),
        "scikit-activeml query": skactiveml_query("entropy"),
    },
}
