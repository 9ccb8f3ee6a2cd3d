"""Answers that are paid for."""

from __future__ import annotations

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
        cost: cost of a sample, at least 0: one number, or one per sample of the dataset ``(N,)``.

    Attributes:
        spent: cost of all samples that were asked so far.
    """

    def __init__(self, oracle: Oracle, cost: float | ArrayLike) -> None:
        self.oracle = checked_oracle(oracle)
        try:
            self.cost = np.asarray(cost, dtype=np.float64)
        except (TypeError, ValueError):
            self.cost = np.asarray(np.nan)
        fits = self.cost.ndim <= 1 and np.isfinite(self.cost).all() and (self.cost >= 0).all()
        if isinstance(cost, str) or not fits:
            raise ConfigurationError(
                "cost must be a number of at least 0, or one per sample of the dataset (N,), got "
                f"{cost!r}."
            )
        self._paid: set[int] = set()
        self.spent = 0.0

    def __call__(self, indices: Any) -> list[Any]:
        """Labels; the samples that were not asked before are added to ``spent``.

        Raises:
            SampleIndexError: an index is out of the range of the costs; nothing is asked.
        """
        ids = as_indices(indices)
        self.of(ids)  # checks the range
        labels = answers_of(self.oracle, ids)
        new = new_among(ids, self._paid)
        self.spent += float(self.of(new).sum())
        self._paid.update(new.tolist())
        return labels

    def of(self, indices: Any) -> np.ndarray:
        """Cost of each sample ``(n,)``, without asking."""
        ids = as_indices(indices)
        if not self.cost.ndim:
            return np.full(len(ids), float(self.cost))
        if len(ids) and not 0 <= ids.min() <= ids.max() < len(self.cost):
            raise SampleIndexError(
                f"there is a cost for samples 0 to {len(self.cost) - 1}, got {ids.max()}."
            )
        return self.cost[ids]

    def __repr__(self) -> str:
        return f"Costly({self.oracle!r}, {self.spent:g} spent on {len(self._paid)} samples)"
