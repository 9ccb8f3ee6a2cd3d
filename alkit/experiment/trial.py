"""Trial: one strategy with one seed, run round by round, with the state needed to resume it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

import torch
from lightning.pytorch.loggers import TensorBoardLogger

from alkit.errors import ConfigurationError
from alkit.evidence.records_csv import Row
from alkit.experiment.meter import Meter
from alkit.experiment.rows import row
from alkit.loop import ActiveLearningLoop
from alkit.loop.tensorboard import Board
from alkit.pool import ActiveLearningDataset
from alkit.progress import showing
from alkit.seeds import derive
from alkit.strategies.learner import ActiveLearner

Factory = Callable[[ActiveLearningDataset, int], ActiveLearner]

_TURN = threading.RLock()  # torch has one random stream per process


@dataclass(frozen=True)
class Plan:
    """Settings that all trials of a comparison share; see ``compare``."""

    rounds: int
    query_size: int
    initial: int
    max_steps: int
    warm_start: bool = False


@dataclass(frozen=True)
class State:
    """State of a trial between two rounds; a trial resumed from it runs as if never stopped.

    It contains no random state: the random numbers of a round depend only on the seed and on the
    round number.

    Attributes:
        rows: rows of the finished rounds.
        finished: True if no round is left.
        fits: number of fits so far; each fit has its own data order.
        pool, validation, monitor: ``state_dict`` of the pools and of the monitor.
        weights: the weights that the model was built with, ``"initial"``, and those that a warm
            start continues from, ``"model"``. None: the same as in the previous state.
    """

    rows: list[Row]
    finished: bool
    fits: int
    pool: dict[str, Any]
    validation: dict[str, Any] | None
    monitor: dict[str, Any]
    weights: dict[str, dict[str, Any]] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Trial:
    """A strategy with a seed.

    Args:
        name: name of the strategy.
        seed: seed of the trial.
        factory: function that creates the strategy.
        dataset: the samples, with labels.
        plan: sizes and budgets.
        events: folder for TensorBoard events, or None to write none.
    """

    name: str
    seed: int
    factory: Factory
    dataset: object
    plan: Plan
    events: str | None = None

    @property
    def key(self) -> tuple[str, int]:
        """Name and seed, which identify the trial within a comparison."""
        return self.name, self.seed

    def run(self, state: State | None = None) -> Iterator[State]:
        """Yield the state after each round, and first the initial state if none is given.

        A round depends only on the state before it. When the trial ends or is closed, the model
        has the weights that it was built with, and the validation pool its original state.
        """
        if state is not None and state.finished:
            return
        with _TURN:
            strategy = self.begin()
            found = None if strategy.val_pool is None else strategy.val_pool.state_dict()
        board = self._board([] if state is None else state.rows)
        try:
            if state is None:
                with _TURN:  # the fingerprint of the pool fixes torch's generator for a moment
                    state = _state_of(strategy, [], weights={"initial": strategy.initial_weights})
                yield state
            else:
                with _TURN:
                    _restore(strategy, state)
            while not state.finished:
                with _TURN:
                    state = self._next(strategy, state, board)
                yield state
        finally:
            if board is not None:
                board.logger.experiment.close()
            with _TURN:
                strategy.reset_model()
                if found is not None and strategy.val_pool is not None:
                    strategy.val_pool.load_state_dict(found)

    def begin(self) -> ActiveLearner:
        """Create and build the strategy over a new pool with the initial set annotated.

        Raises:
            ConfigurationError: the factory returned anything else.
        """
        pool = ActiveLearningDataset(self.dataset)
        pool.annotate_random(self.plan.initial, seed=derive(self.seed, "initial"))
        seed = derive(self.seed, "strategy")
        with randomness(derive(self.seed, "weights")):
            strategy = self.factory(pool, seed)
            if not isinstance(strategy, ActiveLearner) or strategy.train_pool is not pool:
                raise ConfigurationError(
                    f"the factory of {self.name!r} must return a strategy over the pool that it is "
                    f"given, got {type(strategy).__name__}."
                )
            if not strategy.built:
                strategy.build()
        strategy.seed = seed  # the order of the data is shared even if a factory ignores the seed
        return strategy

    def _board(self, done: list[Row]) -> Board | None:
        if self.events is None:
            return None
        logger = TensorBoardLogger(self.events, quoted(self.name), f"seed_{self.seed}")
        return Board(logger, steps=sum(row["steps"] for row in done))

    @showing(False)  # a comparison has its own bar
    def _next(self, strategy: ActiveLearner, state: State, board: Board | None) -> State:
        plan, round = self.plan, len(state.rows)
        pool, meter = strategy.train_pool, Meter(strategy.predictor.meaning)
        loop = ActiveLearningLoop(
            strategy,
            plan.query_size,
            plan.rounds,
            max_steps=plan.max_steps,
            warm_start=plan.warm_start,
            trainer={"callbacks": [meter]},
            logger=board,
        )
        with randomness(derive(self.seed, "training", round)):
            record = loop.evaluate(round)
        last = round == plan.rounds - 1 or not len(pool.unannotated_indices)
        weights = None
        if plan.warm_start:
            weights = {"initial": strategy.initial_weights, "model": strategy.module.state_dict()}
        if not last:  # no model would be trained on further labels
            with randomness(derive(self.seed, "selection", round)):
                validation = annotated_for_validation(strategy)
                record = loop.acquire(record)
        else:
            validation = annotated_for_validation(strategy)
        rows = [*state.rows, row(self.name, self.seed, record, meter, validation, pool)]
        return replace(_state_of(strategy, rows, weights), finished=last)


def quoted(name: str) -> str:
    """The name of a strategy as that of a folder: no separator, and no dots alone."""
    text = quote(name, safe=" ")
    return text if text.strip(".") else text.replace(".", "%2E")


@contextmanager
def randomness(seed: int) -> Iterator[None]:
    """Seed torch's global generators (weights, dropout) within the block, and restore them."""
    with torch.random.fork_rng():
        torch.default_generator.manual_seed(seed)
        if torch.cuda.is_available():
            torch.cuda.manual_seed_all(seed)
        yield


def annotated_for_validation(strategy: ActiveLearner) -> int:
    """Number of annotated samples in the validation pool."""
    return 0 if strategy.val_pool is None else strategy.val_pool.get_num_annotated()


def _state_of(
    strategy: ActiveLearner, rows: list[Row], weights: dict[str, Any] | None = None
) -> State:
    validation = None if strategy.val_pool is None else strategy.val_pool.state_dict()
    return State(
        rows,
        False,
        strategy.fits,
        strategy.train_pool.state_dict(),
        validation,
        strategy.monitor.state_dict(),
        weights,
    )


def _restore(strategy: ActiveLearner, state: State) -> None:
    strategy.train_pool.load_state_dict(state.pool)
    if state.validation is not None and strategy.val_pool is not None:
        strategy.val_pool.load_state_dict(state.validation)
    strategy.monitor.load_state_dict(state.monitor)
    strategy.fits = state.fits
    weights = state.weights or {}
    if "initial" in weights:
        strategy.module.load_state_dict(weights["initial"])
        strategy.keep_initial_weights()
    if "model" in weights:
        strategy.module.load_state_dict(weights["model"])
