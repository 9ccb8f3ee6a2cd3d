"""Asks: the acquisition of a strategy, and its queries."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from torch import Tensor
from torch.utils.data import DataLoader

from alkit.criteria import Criterion
from alkit.errors import ConfigurationError
from alkit.pool import ActiveLearningDataset, Query
from alkit.pool.annotations import Indices
from alkit.pool.checks import check_query_size
from alkit.pool.corrections import Exclude, validation_of, without
from alkit.prediction import Prediction
from alkit.processes import from_first
from alkit.progress import showing
from alkit.querying import Acquisition, Monitor, PoolContext
from alkit.querying.acquisition import ScoreFunction, as_acquisition
from alkit.querying.answering import answers_of, who_of, without_unanswered
from alkit.querying.budget import Cost, Within
from alkit.querying.checks import check_oracle, checked_picks
from alkit.querying.monitor import Asked
from alkit.querying.predictor import Predictor
from alkit.querying.validation import validation_query
from alkit.selectors import Selector
from alkit.strategies.joining import asked_together
from alkit.strategies.skipping import OnError, of_readable

if TYPE_CHECKING:  # a Block that is trained on a pool
    from alkit.blocks import Block
    from alkit.training.initial_weights import InitialWeights
    from alkit.training.on_pool import TrainedOnPool

    class _Base(InitialWeights, Block, TrainedOnPool):
        val_share: float
        predictor: Predictor
        posterior: Any
        loader: dict[str, Any]
        on_error: OnError
        unreadable: dict[int, str]

        def predictions(
            self, pool: ActiveLearningDataset, indices: Indices
        ) -> Generator[Prediction, None, None]: ...

        def scoring_batches(self, pool: ActiveLearningDataset, indices: Indices) -> DataLoader: ...
else:
    _Base = object

Oracle = Callable[[np.ndarray], Any]


class Asks(_Base):
    """The acquisition of a strategy, as a whole and by its parts, and the queries by it."""

    _acquisition: Acquisition
    _asked: list[Asked]
    _acquisition_replaced: bool = False  # set after construction: it goes before query_strategy

    @property
    def acquisition(self) -> Acquisition:
        """The way of asking. A new one takes effect at once, also before ``query_strategy``."""
        return self._acquisition

    @acquisition.setter
    def acquisition(self, acquisition: Acquisition) -> None:
        self._acquisition = as_acquisition(acquisition)
        self._acquisition_replaced = True

    @property
    def criterion(self) -> Criterion:
        """Criterion of the acquisition."""
        return self._acquisition.criterion

    @criterion.setter
    def criterion(self, criterion: Criterion | ScoreFunction) -> None:
        self._acquisition = Acquisition(criterion, self.selector)

    @property
    def selector(self) -> Selector:
        """Selector of the acquisition."""
        return self._acquisition.selector

    @selector.setter
    def selector(self, selector: Selector | Callable[..., Any]) -> None:
        self._acquisition = Acquisition(self.criterion, selector)

    @property
    def asks_by_acquisition(self) -> bool:
        """True if the acquisition decides, False if an overridden ``query_strategy`` does."""
        own = getattr(self.query_strategy, "__func__", None) is not Asks.query_strategy
        return self._acquisition_replaced or not own

    @property
    def context(self) -> PoolContext:
        """Context of the next query, for ``criterion.at(strategy.context)``."""
        return PoolContext(self, self.train_pool)

    @overload
    def query(self, n: int, *, exclude: Exclude = None, progress: bool = True) -> Query: ...
    @overload
    def query(
        self,
        n: int | None = None,
        *,
        exclude: Exclude = None,
        budget: float,
        cost: Cost,
        progress: bool = True,
    ) -> Query: ...
    @asked_together
    def query(
        self,
        n: int | None = None,
        *,
        exclude: Exclude = None,
        budget: float | None = None,
        cost: Cost | None = None,
        progress: bool = True,
    ) -> Query:
        """Query ``n`` samples, most wanted first. Changes nothing: not the model, not the pool.

        Works before any training, after it, and without a Trainer. The same state of the pool
        and model gives the same query. With a ``val_pool``, a share of ``n`` is in
        ``query.validation``. ``monitor`` remembers the query.

        Args:
            n: number of samples; with a budget, at most so many.
            exclude: samples that are not queried this time: an open query, a list of open queries,
                dataset indices or names. Queries that exclude each other do not overlap.
            budget: largest sum of the costs of the samples, which are then those with the highest
                score per cost, see ``alkit.querying.budget.Within``.
            cost: cost of each sample ``(N,)``, or a function of dataset indices, as ``oracle.of``.
            progress: False to show no bars of the time left, which appear after two seconds.

        Cost: one forward pass over the unannotated samples, in batches of ``test_batch_size``
        (over the picks alone where the selector uses no scores).

        Raises:
            QuerySizeError: ``n`` is not a positive integer, or exceeds the unannotated samples.
            NonFiniteError, ScoreError, PicksError: outputs, scores or picks are not valid.
        """
        pool, val_pool = self.train_pool, self.val_pool
        if exclude is not None:
            pool = without(pool, exclude)
            val_pool = val_pool and without(val_pool, validation_of(exclude))
        self.check_built("query")
        if budget is not None or cost is not None:
            with showing(progress):
                return self._within(pool, n, budget, cost)
        n = check_query_size(n, len(pool.unannotated_indices))
        share, round = self.val_share, pool.next_round
        with showing(progress):
            validation = self._of_readable(
                val_pool, lambda pool: validation_query(pool, n, share, self.seed, round), {}
            )
            size = n - (0 if validation is None else len(validation))
            query = self._of_readable(pool, lambda pool: self._picked(pool, size), self.unreadable)
        why = query.why + self.posterior.why(self)
        if (why, pool.next_round, validation) != (query.why, query.round, None):
            query = replace(query, round=pool.next_round, validation=validation, why=why)
        self.monitor.record(query, len(pool.unannotated_indices) - len(self.unreadable))
        return query

    def _within(self, pool: Any, n: int | None, budget: Any, cost: Any) -> Query:
        """Query within a budget."""
        if budget is None or cost is None:
            raise ConfigurationError("budget= and cost= are given together, or neither.")
        if not self.asks_by_acquisition or self.val_pool is not None:
            raise ConfigurationError(
                "budget= needs the scores of an acquisition, not an own query_strategy, and no "
                "val_pool, whose samples have no cost here: query(n) instead."
            )
        if n is not None:
            n = check_query_size(n, len(pool.unannotated_indices))
        within = Within(self._acquisition, budget, cost)
        query = self._of_readable(
            pool, lambda pool: within.ask(PoolContext(self, pool), n), self.unreadable
        )
        query = replace(query, why=query.why + self.posterior.why(self))
        self.monitor.record(query, len(pool.unannotated_indices) - len(self.unreadable))
        return query

    def _picked(self, pool: ActiveLearningDataset, n: int) -> Query:
        """Query of a pool by the acquisition, or by an overridden ``query_strategy``."""
        n = check_query_size(n, len(pool.unannotated_indices))
        query = (self._ask if self._acquisition_replaced else self.query_strategy)(pool, n)
        indices = checked_picks(query, n, pool)
        round, name = pool.next_round, type(self).__name__
        return query if isinstance(query, Query) else Query(indices, round, why=name)

    def _of_readable(self, pool: Any, ask: Callable[[Any], Any], known: dict[int, str]) -> Any:
        """Query of a pool; with ``on_error="skip"``, without the samples that cannot be read."""
        if pool is None or self.on_error == "raise":
            return ask(pool)
        return of_readable(ask, pool, known, self.loader)

    def query_strategy(self, pool: ActiveLearningDataset, n: int) -> Any:
        """``n`` samples to annotate: dataset indices, or a Query; by default the acquisition's."""
        return self._ask(pool, n)

    def _ask(self, pool: ActiveLearningDataset, n: int) -> Query:
        return self._acquisition.ask(PoolContext(self, pool), n)

    def score(self, prediction: Prediction) -> Tensor:
        """Score of each candidate, ``(N,)``, by one row at a time; by default the criterion's."""
        return self.criterion(prediction)

    def query_and_update(
        self, n: int, oracle: Oracle | None = None, *, progress: bool = True
    ) -> Query:
        """Query ``n`` samples, annotate them, and return the query.

        Args:
            n: number of samples.
            oracle: function from dataset indices to labels. Default: the dataset's labels. The
                samples of ``val_pool`` always get their dataset's labels. A sample that it answers
                with None is among the ``unanswered`` of the query. It is excluded from the pool
                if the oracle has a ``reason``, such as "unsure", else it may be queried again.
            progress: see ``query``.
        """
        check_oracle(oracle)
        with showing(progress):
            query = self.query(n)
        answers = None
        if oracle is not None:
            answers = from_first(lambda: answers_of(oracle, query), "answers of the oracle")
        query, answered, labels = without_unanswered(query, answers)
        self.train_pool.annotate(answered, labels, who=who_of(oracle))
        if query.validation is not None and self.val_pool is not None:
            try:
                self.val_pool.annotate(query.validation)
            except Exception:
                if len(answered):
                    self.train_pool.undo()
                raise
        reason = getattr(oracle, "reason", None)
        if reason and len(query.unanswered):
            self.train_pool.exclude(query.unanswered, reason)
        return query

    @property
    def monitor(self) -> Monitor:
        """Error of the model on the unannotated samples, from the labels of stochastic queries."""
        return Monitor(self.train_pool, self._asked)
