"""Strategies whose choice is replaced, while network and training stay: factories of factories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from alkit.criteria import Constant
from alkit.errors import ConfigurationError
from alkit.experiment.trial import Factory
from alkit.pool import ActiveLearningDataset
from alkit.pool.query import Query
from alkit.selectors import Random
from alkit.strategies.learner import ActiveLearner


class _Uniform:
    """Goes before the class of a strategy: the samples are drawn as by ``UniformStrategy``."""

    query = ActiveLearner.query
    query_strategy = ActiveLearner.query_strategy
    acquisition = property(lambda self: Constant())


class _Recorded:
    """Goes before the class of a strategy: the samples are those of a record, round by round."""

    recorded: Sequence[Sequence[int]]

    def query(self, n: int = 1) -> Query:
        round = self.train_pool.next_round  # type: ignore[attr-defined]  # of the strategy
        return Query(np.asarray(self.recorded[round - 1]), round, why="as recorded")


@dataclass(frozen=True)
class Uniform:
    """A factory of the strategies of another one, which draw their samples uniformly instead."""

    factory: Factory

    def __call__(self, pool: ActiveLearningDataset, seed: int) -> ActiveLearner:
        strategy = _with(self.factory(pool, seed), _Uniform)
        strategy.criterion, strategy.selector = Constant(), Random()
        return strategy


@dataclass(frozen=True)
class Recorded:
    """A factory of the strategies of another one, which take recorded picks, ``picks[round]``."""

    factory: Factory
    picks: Sequence[Sequence[int]]

    def __call__(self, pool: ActiveLearningDataset, seed: int) -> ActiveLearner:
        strategy = self.factory(pool, seed)
        if strategy.val_pool is not None:
            raise ConfigurationError(
                "a replay trains on the recorded samples and has none for validation: give a "
                "factory whose strategy has no val_pool."
            )
        strategy = _with(strategy, _Recorded)
        strategy.recorded = self.picks  # type: ignore[attr-defined]
        return strategy


def chooses_uniformly(strategy: ActiveLearner) -> bool:
    """Whether a strategy draws its samples uniformly, by the rules of ``ActiveLearner``."""
    own = type(strategy)
    plain = own.query is ActiveLearner.query or isinstance(strategy, _Uniform)
    plain = plain and own.query_strategy is ActiveLearner.query_strategy
    return plain and isinstance(strategy.selector, Random)


def _with(strategy: ActiveLearner, part: type) -> ActiveLearner:
    own = type(strategy)
    strategy.__class__ = type(own.__name__, (part, own), {"__doc__": own.__doc__})
    return strategy
