"""Answers that are paid for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from alkit.errors import ConfigurationError, SampleIndexError
from alkit.oracles.answers import Oracle, answers_of, as_indices, checked_oracle, new_among


class Costly:
    """The answers of an oracle, and what they have cost: seconds, euros.

        oracle = Costly(Reveal(dataset), minutes)
        query = strategy.query(budget=30, cost=oracle.of)       # by score per cost
        loop = al.ActiveLearningLoop(..., oracle=oracle, stop=Budget(120, lambda: oracle.spent))

    A sample is paid for once; an answer of None is paid for too, since somebody looked.

    Args:
        oracle: oracle that answers.
        cost: cost of a sample, at least 0: one number, one per sample of the dataset ``(N,)``, or a
            function from dataset indices ``(n,)`` to costs ``(n,)``, such as the number of boxes
            that a model predicts; a sample costs what the function returns when it is asked.

    Attributes:
        spent: cost of all samples that were asked so far.
    """

    def __init__(
        self, oracle: Oracle, cost: float | ArrayLike | Callable[[np.ndarray], ArrayLike]
    ) -> None:
        self.oracle = checked_oracle(oracle)
        self.cost: Any = cost if callable(cost) else _costs(cost)
        self._paid: set[int] = set()
        self.spent = 0.0

    def __call__(self, indices: Any) -> list[Any]:
        """Labels; the samples that were not asked before are added to ``spent``.

        Raises:
            SampleIndexError: an index is out of the range of the costs; nothing is asked.
            ConfigurationError: a function returns something else than their costs.
        """
        ids = as_indices(indices)
        new = new_among(ids, self._paid)
        price = float(self.of(new).sum())  # before the answer, which may change the model
        labels = answers_of(self.oracle, ids)
        self.spent += price
        self._paid.update(new.tolist())
        return labels

    def of(self, indices: Any) -> np.ndarray:
        """Cost of each sample ``(n,)``, without asking."""
        ids = as_indices(indices)
        if callable(self.cost):
            return _costs(self.cost(ids), len(ids)) if len(ids) else np.empty(0)
        if not self.cost.ndim:
            return np.full(len(ids), float(self.cost))
        if len(ids) and not 0 <= ids.min() <= ids.max() < len(self.cost):
            raise SampleIndexError(
                f"there is a cost for samples 0 to {len(self.cost) - 1}, got {ids.max()}."
            )
        return self.cost[ids]

    def __repr__(self) -> str:
        return f"Costly({self.oracle!r}, {self.spent:g} spent on {len(self._paid)} samples)"


def _costs(cost: Any, n: int | None = None) -> np.ndarray:
    """Costs as floats of at least 0: one number or ``(N,)``, or those of ``n`` samples."""
    try:
        costs = np.asarray(cost, dtype=np.float64)
    except (TypeError, ValueError):
        costs = np.asarray(np.nan)
    shaped = costs.ndim <= 1 if n is None else costs.shape == (n,)
    if isinstance(cost, str) or not shaped or not np.isfinite(costs).all() or (costs < 0).any():
        raise ConfigurationError(
            "cost must be a number of at least 0, one per sample of the dataset (N,), or a "
            f"function from dataset indices to these, got {cost!r:.200}."
        )
    return costs
