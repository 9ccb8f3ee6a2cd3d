"""Stand-ins: factories that replace the acquisition of another factory's strategies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MethodType

import numpy as np

from alkit.criteria import Constant
from alkit.errors import ConfigurationError
from alkit.experiment.trial import Factory
from alkit.pool import ActiveLearningDataset, Query
from alkit.querying import Acquisition, PoolContext
from alkit.selectors import Random
from alkit.strategies.learner import ActiveLearner


class RecordedPicks(Acquisition):
    """Acquisition that repeats recorded picks, round by round.

    Args:
        picks: dataset indices of each query, starting with that of round 1.
    """

    def __init__(self, picks: Sequence[Sequence[int]]) -> None:
        super().__init__(Constant(), Random())
        self.picks = picks

    def ask(self, context: PoolContext, n: int) -> Query:
        return Query(np.asarray(self.picks[context.round - 1]), context.round, why="as recorded")

    def __repr__(self) -> str:
        return "RecordedPicks()"


@dataclass(frozen=True)
class Uniform:
    """Factory that wraps another one; its strategies draw their samples uniformly."""

    factory: Factory

    def __call__(self, pool: ActiveLearningDataset, seed: int) -> ActiveLearner:
        return _asking(self.factory(pool, seed), Acquisition(Constant(), Random()))


@dataclass(frozen=True)
class Recorded:
    """Factory that wraps another one; its strategies take recorded picks."""

    factory: Factory
    picks: Sequence[Sequence[int]]

    def __call__(self, pool: ActiveLearningDataset, seed: int) -> ActiveLearner:
        strategy = self.factory(pool, seed)
        if strategy.val_pool is not None:
            raise ConfigurationError(
                "a replay trains on the recorded samples and has none for validation: pass a "
                "factory whose strategy has no val_pool."
            )
        return _asking(strategy, RecordedPicks(self.picks))


def chooses_uniformly(strategy: ActiveLearner) -> bool:
    """True if a strategy draws its samples uniformly, by the rules of ``ActiveLearner``."""
    plain = strategy.query.__func__ is ActiveLearner.query and strategy.asks_by_acquisition
    return plain and isinstance(strategy.selector, Random)


def _asking(strategy: ActiveLearner, acquisition: Acquisition) -> ActiveLearner:
    """Replace the acquisition of a strategy, even if it overrides ``query``."""
    strategy.acquisition = acquisition
    if type(strategy).query is not ActiveLearner.query:
        strategy.query = MethodType(ActiveLearner.query, strategy)
    return strategy
