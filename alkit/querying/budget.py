"""Queries within a budget: the samples with the highest scores per cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from alkit.arguments import check_number
from alkit.criteria import MinMax, as_criterion
from alkit.errors import ConfigurationError, QuerySizeError
from alkit.pool import Query
from alkit.pool.corrections import without
from alkit.prediction import Prediction
from alkit.querying.acquisition import Acquisition
from alkit.querying.answering import part_of
from alkit.querying.context import PoolContext
from alkit.querying.phases import Phases
from alkit.selectors import TopK

Cost = ArrayLike | Callable[[np.ndarray], ArrayLike]


class Within:
    """Acquisition whose queries cost at most a budget.

        gain per cost = MinMax(criterion) / cost

    The gain is scaled to [0, 1], since a negative score per cost would prefer what is expensive.
    The picks are taken in their order; one that exceeds what is left of the budget is passed over.
    A selector that compares samples never sees those that cost more than the whole budget.
    Score per cost: Haertel, Seppi, Ringger & Carroll 2008, "Return on investment for active
    learning".

    Args:
        acquisition: the acquisition.
        budget: largest sum of the costs, above 0.
        cost: cost of each sample of the dataset ``(N,)``, or a function from dataset indices
            ``(n,)`` to costs ``(n,)``, such as ``oracle.of`` of a ``Costly`` oracle. Above 0. The
            function is called once per query, and may ask the model: for boxes or pixels to draw,
            the number that it predicts.

    Raises:
        ConfigurationError: the budget or a cost is not a number above 0; in a query, the
            acquisition asks in its own way.
    """

    def __init__(self, acquisition: Acquisition, budget: float, cost: Cost) -> None:
        check_number("budget", budget, "a number above 0", lambda number: number > 0)
        self.acquisition, self.budget, self.cost = acquisition, float(budget), cost

    def ask(self, context: PoolContext, n: int | None = None) -> Query:
        """Query at most ``n`` of the unannotated samples.

        Raises:
            QuerySizeError: the budget does not suffice for one sample.
        """
        asked = self.acquisition
        asked = asked.now(context)[0] if isinstance(asked, Phases) else asked
        if type(asked).ask is not Acquisition.ask:
            raise ConfigurationError(
                f"budget= divides the scores of a criterion by the costs, and {asked!r} asks "
                "without them: query(n) instead."
            )
        ids = context.pool.unannotated_indices
        costs = self.of(ids, len(context.pool))
        limit = self.budget * (1 + 1e-9)
        affordable = int(np.searchsorted(np.cumsum(np.sort(costs)), limit, side="right"))
        if not affordable:
            raise QuerySizeError(
                f"the budget of {self.budget:g} does not suffice for any of {len(ids)} unannotated "
                f"samples: the cheapest one costs {costs.min():g}."
                if len(ids)
                else "no samples are left to query."
            )
        table = np.full(len(context.pool), np.nan)
        table[ids] = costs
        known = Within(self.acquisition, self.budget, table)
        bound = self.acquisition.at(context)
        whole = isinstance(bound.selector, TopK)  # then the order of all is known at little cost
        if not whole:
            pool = without(context.pool, ids[costs > limit])
            context = PoolContext(context.learner, pool)
        picks = known.per_cost(bound).ask(context, len(ids) if whole else affordable)
        left, rows = limit, []
        for row, price in enumerate(table[picks.indices].tolist()):
            if price <= left and len(rows) < (affordable if n is None else n):
                left -= price
                rows.append(row)
        return part_of(picks, np.array(rows, dtype=np.int64))

    def per_cost(self, acquisition: Acquisition) -> Acquisition:
        """The acquisition with its criterion per cost; selectors without scores ignore it."""

        def price(p: Prediction) -> Tensor:
            return torch.from_numpy(self.of(p.ids.cpu().numpy())).to(p.ids.device)

        reason = f"{acquisition.reason}; " if acquisition.reason else ""
        return Acquisition(
            MinMax(acquisition.criterion) / as_criterion(price),
            acquisition.selector,
            f"{reason}within a budget of {self.budget:g}",
        )

    def of(self, ids: np.ndarray, size: int | None = None) -> np.ndarray:
        """Cost of each sample ``(n,)``, of costs of a dataset of some size, if that is known."""
        given: Any = self.cost(ids) if callable(self.cost) else self.cost
        try:
            costs = np.asarray(given, dtype=np.float64)
            if not callable(self.cost):
                costs = costs[ids] if size in (None, len(costs)) else np.empty(0)
        except (TypeError, ValueError, IndexError, RuntimeError):
            costs = np.empty(0)
        if costs.shape != ids.shape or not (np.isfinite(costs) & (costs > 0)).all():
            raise ConfigurationError(
                "cost must be one number above 0 per sample of the dataset (N,), or a function "
                f"from dataset indices to these, got {self.cost!r:.80}."
            )
        return costs
