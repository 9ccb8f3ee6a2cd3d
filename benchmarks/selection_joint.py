"""BatchBALD in ``selection.py``: textbook code and other libraries.

All keep at most ``CONFIGURATIONS`` joint labels: exact up to that number, drawn beyond it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from selection_workloads import Arrays
from torch import Tensor

Work = Callable[[], np.ndarray]
CONFIGURATIONS = 10_000


def batchbald(arrays: Arrays, n: int, seed: int = 0) -> Work:
    """Greedy selection of the paper: recompute all joint entropies for every pick, in float64."""
    p = torch.from_numpy(arrays.probabilities)

    def work() -> np.ndarray:
        K = p.shape[1]
        generator = torch.Generator().manual_seed(seed)
        own = torch.cat([_entropy(rows.double()).mean(1) for rows in p.split(1000)])
        weights, likelihoods = torch.ones(1, dtype=torch.float64), torch.ones(1, K).double()
        picks: list[int] = []
        while True:
            scores = torch.cat([_joint(rows, weights, likelihoods) for rows in p.split(16)]) - own
            scores[picks] = -torch.inf
            picks.append(int(scores.argmax()))
            if len(picks) == n:
                return np.array(picks)
            row = p[picks[-1]].double()
            if len(likelihoods) * p.shape[2] <= CONFIGURATIONS:
                likelihoods = (likelihoods[:, None] * row.T).flatten(0, 1)
                weights = torch.ones(len(likelihoods), dtype=torch.float64)
            else:
                likelihoods = _drawn(p[picks].double(), generator)
                weights = 1 / likelihoods.mean(1) / len(likelihoods)

    return work


def _entropy(p: Tensor) -> Tensor:
    return -torch.xlogy(p, p).sum(-1)


def _joint(p: Tensor, weights: Tensor, likelihoods: Tensor) -> Tensor:
    """Joint entropies ``(B,)``, from the likelihoods ``(M, K)`` of the configurations."""
    joint = likelihoods @ p.double() / p.shape[1]  # (B, M, C)
    return _entropy(joint) @ weights


def _drawn(p: Tensor, generator: torch.Generator) -> Tensor:
    """Likelihoods ``(M, K)`` of labels drawn for n rows ``(n, K, C)``, equally many per sample."""
    number = CONFIGURATIONS // p.shape[1]
    labels = [torch.multinomial(row, number, True, generator=generator).flatten() for row in p]
    return torch.stack([row.T[ys] for row, ys in zip(p, labels, strict=True)]).prod(0)


def baal(arrays: Arrays, n: int) -> Work:
    """baal's BatchBALD: draws from the second pick on, picks n + 1 and ranks by last scores."""
    from baal.active.heuristics import BatchBALD

    rank = BatchBALD(n, num_draw=CONFIGURATIONS // arrays.probabilities.shape[1])
    p = np.ascontiguousarray(arrays.probabilities.transpose(0, 2, 1))
    return lambda: rank(p)[:n]


def skactiveml(arrays: Arrays, n: int) -> Work:
    from skactiveml.pool import batch_bald

    p = np.ascontiguousarray(arrays.probabilities.transpose(1, 0, 2))

    def work() -> np.ndarray:
        utilities = batch_bald(p, n, n_MC_samples=CONFIGURATIONS, random_state=0)
        return np.nanargmax(utilities, axis=1)

    return work


def redux(arrays: Arrays, n: int) -> Work:
    from batchbald_redux.batchbald import get_batchbald_batch

    logs = torch.from_numpy(arrays.probabilities).double().log().clamp_(min=-700)
    options: dict[str, Any] = {"dtype": torch.double, "device": "cpu"}
    return lambda: np.array(get_batchbald_batch(logs, n, CONFIGURATIONS, **options).indices)


PEERS = {"baal": baal, "scikit-activeml": skactiveml, "batchbald_redux": redux}
