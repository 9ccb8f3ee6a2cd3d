"""Named papers on regression; see ``alkit.strategies.papers``."""

from __future__ import annotations

from torch import nn
from typing_extensions import Unpack

from alkit.pool import ActiveLearningDataset
from alkit.selectors import LCMD, GreedySampling, Space
from alkit.selectors.greedy import Rule
from alkit.strategies.strategy import Strategy, StrategyOptions


def lcmd(
    regressor: nn.Module,
    train_pool: ActiveLearningDataset,
    *,
    space: Space | None = None,
    **options: Unpack[StrategyOptions],
) -> Strategy:
    """LCMD: the candidate farthest from all centers in the largest cluster; for any task.

        lcmd(al.training.Regressor(net), pool)

    Holzmueller, Zaverkin, Kaestner and Steinwart 2023, "A framework and benchmark for deep batch
    active learning for regression", LCMD-TP. By default, it compares the features of the last
    hidden layer; the paper proposes ``space=GradientSketch()``, which says how to have the gradient
    of all parameters. Cost: see ``LCMD``.
    """
    return Strategy(regressor, train_pool, None, LCMD(space), **options)


def greedy_sampling(
    regressor: nn.Module,
    train_pool: ActiveLearningDataset,
    *,
    rule: Rule = "iGS",
    **options: Unpack[StrategyOptions],
) -> Strategy:
    """Greedy sampling: far from what is annotated, in features (GSx), in values (GSy), or in both.

    Wu, Lin and Huang 2019, "Active learning for regression using greedy sampling", whose distances
    are those of the inputs; here, of the features. Small batches are better: the model is not
    trained between the picks of one. Cost: see ``GreedySampling``.
    """
    return Strategy(regressor, train_pool, None, GreedySampling(rule), **options)
