"""Active learning loop: train, test, query, annotate, reset; one record per round."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from functools import partial
from types import NoneType
from typing import Any

from lightning.pytorch.loggers import TensorBoardLogger

from alkit.errors import ConfigurationError, QuerySizeError
from alkit.loop.reasons import Stop, checked_stops, reason_to_stop
from alkit.loop.tensorboard import Board
from alkit.pool.checks import check_query_size
from alkit.pool.query import Query
from alkit.processes import from_first
from alkit.querying.checks import check_oracle
from alkit.strategies.asking import Oracle
from alkit.strategies.learner import ActiveLearner
from alkit.training.as_given import check_restartable
from alkit.training.budget import limits_of


@dataclass(frozen=True)
class RoundRecord:
    """Record of one round.

    Attributes:
        round: 0, 1, ...
        annotated: number of labels available to the tested model, those for validation included.
        metrics: results on the test data by name; empty without test data.
        steps: gradient steps of this round.
        seconds: wall seconds by phase: ``"train"``, ``"test"``, ``"score"``, ``"select"``.
        query: query made after the test, or None if nothing was left to query, or a criterion
            stopped the loop.
        stopped: reason that the loop ended after this round; None if it did not.
    """

    round: int
    annotated: int
    metrics: dict[str, float]
    steps: int
    seconds: dict[str, float] = field(default_factory=dict)
    query: Query | None = None
    stopped: str | None = None


class ActiveLearningLoop:
    """Iterator over rounds: train, test, query, annotate, reset; yields one record per round.

        for record in ActiveLearningLoop(strategy, query_size=20, rounds=10, max_steps=300):
            print(record.annotated, record.metrics)

    Stop it with ``break`` or ``itertools.islice``; annotations stay. Its results equal those of a
    hand-written loop of ``fit``, ``test``, ``query_and_update`` and ``reset_model``, bit for bit.
    The last query is smaller if fewer samples are left. The loop ends after the round that trains
    on all samples, since nothing is left to query; after a query without any answer of the
    oracle, since no label is new; or when a criterion of ``stop`` is met. The reason is in the last
    record, ``record.stopped``.

    Args:
        strategy: a built strategy.
        query_size: number of samples to annotate per round.
        rounds: number of rounds.
        oracle: function from dataset indices to labels. Default: the dataset's own labels.
        max_steps: gradient steps per round, the same for every strategy in a fair comparison.
        max_epochs: passes over the annotated samples per round; needed without ``max_steps``,
            except for an ``Estimator``.
        warm_start: True to continue training from the weights of the previous round, with a new
            optimizer, instead of the weights that the model was built with.
        trainer: further arguments for the Trainer of each round, or a function that returns them.
            A callback begins each round in the state in which it was given; after a round, it has
            the state of that round. Loggers continue.
        stop: a criterion of ``alkit.loop.stopping``, such as ``Budget(500)``, or a list of them: a
            function of the records so far and the strategy that returns a reason to stop, or None.
            It is called after each test, before labels are bought; each iteration uses a copy.
        logger: True to write scalars, histograms of the queries and precision-recall curves for
            TensorBoard to ``lightning_logs``; a Lightning TensorBoardLogger to choose the folder;
            or a ``Board``, to log several loops as one run. Logging does not change the run.
    """

    def __init__(
        self,
        strategy: ActiveLearner,
        query_size: int,
        rounds: int,
        oracle: Oracle | None = None,
        max_steps: int | None = None,
        *,
        max_epochs: int | None = None,
        warm_start: bool = False,
        trainer: dict[str, Any] | Callable[[], dict[str, Any]] | None = None,
        logger: bool | TensorBoardLogger | Board | None = None,
        stop: Stop | Sequence[Stop] | None = None,
    ) -> None:
        if not isinstance(strategy, ActiveLearner):
            raise ConfigurationError(
                f"ActiveLearningLoop needs a strategy, such as al.Strategy(network, pool).build(), "
                f"got {strategy!r}."
            )
        strategy.check_built("loop over")
        check_oracle(oracle)
        if isinstance(rounds, bool) or not isinstance(rounds, int) or rounds < 1:
            raise ConfigurationError(f"rounds must be a positive integer, got {rounds!r}.")
        limits_of(strategy.module, max_steps, max_epochs)
        self.strategy = strategy
        self.query_size = check_query_size(query_size, len(strategy.train_pool))
        self.rounds = rounds
        self.oracle = oracle
        self.budget = {"max_steps": max_steps, "max_epochs": max_epochs}
        self.warm_start = warm_start
        self.trainer = trainer
        self.stop = checked_stops(stop)
        if not callable(trainer):
            check_restartable(self._trainer_options().get("callbacks"))
        self.board = logger if isinstance(logger, Board) else Board(logger) if logger else None

    def __len__(self) -> int:
        return self.rounds

    def __iter__(self) -> Iterator[RoundRecord]:
        stops = [copy(stop) for stop in self.stop]
        records: list[RoundRecord] = []
        for round in range(self.rounds):
            records.append(self.evaluate(round))
            reason = from_first(partial(reason_to_stop, stops, records, self.strategy), "stop")
            if reason is None:
                records[-1] = self.acquire(records[-1])
                reason = self._ended(records[-1])
            elif not self.warm_start:
                self.strategy.reset_model()
            records[-1] = replace(records[-1], stopped=reason)
            yield records[-1]
            if reason is not None:
                return

    def _ended(self, record: RoundRecord) -> str | None:
        """Reason that no further round follows a record; None if one does."""
        if record.query is None:
            return "no sample is left to query"
        if len(record.query.unanswered) == len(record.query):
            return f"the oracle has answered none of the {len(record.query)} samples of the query"
        return f"all {self.rounds} rounds are done" if record.round == self.rounds - 1 else None

    def evaluate(self, round: int = 0) -> RoundRecord:
        """Train on the annotated samples, and test."""
        strategy = self.strategy
        options = self._trainer_options()
        started = time.perf_counter()
        strategy.fit(**self.budget, **options)
        trained = time.perf_counter()
        steps = strategy.trainer.global_step
        if self.board is not None:
            self.board.trained(strategy)
        metrics = {} if strategy.test_data is None else strategy.test(**options)
        seconds = {"train": trained - started, "test": time.perf_counter() - trained}
        pools = (strategy.train_pool, strategy.val_pool)  # val= was not bought
        annotated = sum(pool.get_num_annotated() for pool in pools if pool is not None)
        if self.board is not None:
            self.board.tested(strategy, round, annotated, metrics)
        return RoundRecord(round, annotated, metrics, steps, seconds)

    def acquire(self, record: RoundRecord) -> RoundRecord:
        """Query, annotate and, without a warm start, reset; returns the record with its query."""
        query = self._query()
        if query is not None and self.board is not None:
            self.board.queried(self.strategy, record.annotated, query)
        if not self.warm_start:
            self.strategy.reset_model()
        seconds = {**record.seconds, **(query.seconds if query is not None else {})}
        return RoundRecord(
            record.round, record.annotated, record.metrics, record.steps, seconds, query
        )

    def _query(self) -> Query | None:
        """Query and annotate as many samples as are left; None if none is left."""
        strategy = self.strategy
        left = len(strategy.train_pool.unannotated_indices)
        if not left:
            return None
        try:
            return strategy.query_and_update(min(self.query_size, left), self.oracle)
        except QuerySizeError:
            readable = left - len(strategy.unreadable)  # with on_error="skip"
            if min(self.query_size, left) <= readable:
                raise
        return strategy.query_and_update(readable, self.oracle) if readable else None

    def _trainer_options(self) -> dict[str, Any]:
        given = self.trainer() if callable(self.trainer) else self.trainer
        if not isinstance(given, Mapping | NoneType):
            raise ConfigurationError(
                "trainer must be a dict of arguments of the Trainer, or a function that returns "
                f"one, got {given!r}."
            )
        return {"enable_progress_bar": False, **(given or {})}
