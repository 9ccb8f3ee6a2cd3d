"""LearningLossStrategy: the samples with the largest predicted loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import nn
from typing_extensions import Unpack

from alkit.criteria import Criterion, HeadScore
from alkit.pool import ActiveLearningDataset
from alkit.querying.acquisition import ScoreFunction
from alkit.selectors import Selector
from alkit.strategies.strategy import Strategy, StrategyOptions, training_options
from alkit.training import LossPredictionClassifier


class LearningLossStrategy(Strategy):
    """Queries the samples whose loss, as predicted by a jointly trained head, is the highest.

    ``LossPredictionClassifier`` states the objective and its arguments. Source: Yoo and Kweon 2019,
    "Learning loss for active learning", CVPR. At equal steps it has not been found to help:
    ``benchmarks/learning_loss.py`` compares it with Uniform and Margin on the digits, and states
    the result.

    Args:
        classifier: the network, a Block or any ``nn.Module``.
        train_pool: the pool.
        loss_head, layers, margin, loss_weight: arguments of ``LossPredictionClassifier``.
        criterion: score of each candidate. Default: the predicted loss.
        selector: choice of a batch. Default: ``TopK()``.
        **options: the options of ``Strategy``.
    """

    def __init__(
        self,
        classifier: nn.Module,
        train_pool: ActiveLearningDataset,
        *,
        loss_head: nn.Module | None = None,
        layers: Sequence[str] | None = None,
        criterion: Criterion | ScoreFunction | None = None,
        selector: Selector | Callable[..., Any] | None = None,
        margin: float = 1.0,
        loss_weight: float = 1.0,
        **options: Unpack[StrategyOptions],
    ) -> None:
        training, rest = training_options(options)
        module = LossPredictionClassifier(
            classifier, loss_head, layers, margin=margin, loss_weight=loss_weight, **training
        )
        if rest.get("acquisition") is None and criterion is None:
            criterion = HeadScore("loss_head")
        super().__init__(module, train_pool, criterion, selector, **rest)
