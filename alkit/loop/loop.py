"""The loop of active learning: train, test, query, annotate, reset; one record a round."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from lightning.pytorch.loggers import TensorBoardLogger

from alkit.errors import ConfigurationError
from alkit.loop.tensorboard import Board
from alkit.pool.annotations import check_query_size
from alkit.pool.query import Query
from alkit.strategies.learner import ActiveLearner, Oracle
from alkit.training.budget import check_budget


@dataclass(frozen=True)
class RoundRecord:
    """What one round gave.

    Attributes:
        round: 0, 1, ...
        annotated: labels that the tested model was trained on, those for validation included.
        metrics: results on the test data by name; empty without test data.
        steps: gradient steps of this round.
        seconds: wall seconds by phase: ``"train"``, ``"test"``, ``"score"``, ``"select"``.
        query: what was asked for after the test, or None where nothing was.
    """

    round: int
    annotated: int
    metrics: dict[str, float]
    steps: int
    seconds: dict[str, float] = field(default_factory=dict)
    query: Query | None = None


class ActiveLearningLoop:
    """An iterator of rounds: train, test, query, annotate, reset; yields a record of each.

        for record in ActiveLearningLoop(strategy, query_size=20, rounds=10, max_steps=300):
            print(record.annotated, record.metrics)

    ``break`` or ``itertools.islice`` stop it; what was annotated stays. It does what the loop
    written by hand with ``fit``, ``test``, ``query_and_update`` and ``reset_model`` does, bit for
    bit. The last query is smaller when less is left; the loop ends after the round
    that has trained on everything and has nothing left to ask for.

    Args:
        strategy: a built strategy.
        query_size: samples to annotate a round.
        rounds: how many rounds.
        oracle: from dataset indices to labels. Default: the dataset's own labels.
        max_steps: gradient steps a round, the same for every strategy of a fair comparison; or
        max_epochs: passes over the annotated samples a round.
        warm_start: train on from the weights of the round before, with a new optimizer, in place
            of the weights that the model was built with.
        trainer: further arguments of the Trainer of each round.
        logger: True writes scalars, histograms of the queries and precision-recall curves for
            TensorBoard, into ``lightning_logs``; a Lightning TensorBoardLogger says where. Or a
            ``Board``, where several loops are one run. The run itself is the same.
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
        trainer: dict[str, Any] | None = None,
        logger: bool | TensorBoardLogger | Board | None = None,
    ) -> None:
        strategy.check_built("loop over")
        if isinstance(rounds, bool) or not isinstance(rounds, int) or rounds < 1:
            raise ConfigurationError(f"rounds must be a positive integer, got {rounds!r}.")
        check_budget(max_steps, max_epochs)
        self.strategy = strategy
        self.query_size = check_query_size(query_size, len(strategy.train_pool))
        self.rounds = rounds
        self.oracle = oracle
        self.budget = {"max_steps": max_steps, "max_epochs": max_epochs}
        self.warm_start = warm_start
        self.trainer = {"enable_progress_bar": False, **(trainer or {})}
        self.board = logger if isinstance(logger, Board) else Board(logger) if logger else None

    def __len__(self) -> int:
        return self.rounds

    def __iter__(self) -> Iterator[RoundRecord]:
        for round in range(self.rounds):
            record = self.acquire(self.evaluate(round))
            yield record
            if record.query is None:
                return

    def evaluate(self, round: int = 0) -> RoundRecord:
        """Train on what is annotated, and test."""
        strategy = self.strategy
        started = time.perf_counter()
        strategy.fit(**self.budget, **self.trainer)  # type: ignore[arg-type]
        trained = time.perf_counter()
        steps = strategy.trainer.global_step
        if self.board is not None:
            self.board.trained(strategy)
        metrics = {} if strategy.test_data is None else strategy.test(**self.trainer)
        seconds = {"train": trained - started, "test": time.perf_counter() - trained}
        pools = (strategy.train_pool, strategy.val_pool)
        annotated = sum(pool.get_num_annotated() for pool in pools if pool is not None)
        if self.board is not None:
            self.board.tested(strategy, round, annotated, metrics)
        return RoundRecord(round, annotated, metrics, steps, seconds)

    def acquire(self, record: RoundRecord) -> RoundRecord:
        """Query, annotate and, unless it is a warm start, reset; the record with its query."""
        left = len(self.strategy.train_pool.unannotated_indices)
        query = None
        if left:
            query = self.strategy.query_and_update(min(self.query_size, left), self.oracle)
            if self.board is not None:
                self.board.queried(self.strategy, record.annotated, query)
        if not self.warm_start:
            self.strategy.reset_model()
        seconds = {**record.seconds, **(query.seconds if query is not None else {})}
        return RoundRecord(
            record.round, record.annotated, record.metrics, record.steps, seconds, query
        )
