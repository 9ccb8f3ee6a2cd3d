"""Learning loss: a head predicts the loss of a sample, and the query takes the highest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

import torch
from torch import nn
from typing_extensions import Unpack

from alkit.criteria import Criterion, HeadScore
from alkit.pool import ActiveLearningDataset
from alkit.selectors import Selector, TopK
from alkit.strategies.strategy import Strategy, StrategyOptions, training_options
from alkit.training.loss_prediction import LossPredictingClassifier


class LearningLossStrategy(Strategy):
    """Queries the samples whose loss a jointly trained head predicts to be the highest.

    ``LossPredictingClassifier`` states the objective. Source: Yoo and Kweon 2019, "Learning loss
    for active learning", CVPR. At equal steps it has not been found to help:
    ``benchmarks/learning_loss.py`` compares it with Uniform and Margin on the digits, and states
    what came out. A step costs one more pass through a small head.

    Args:
        classifier: the network, a Block or any ``nn.Module``.
        train_pool: the pool.
        loss_head: from the features of all layers, averaged over space and joined ``(B, D)``, to
            one number. Default: one hidden layer of 128, made for the features when it is built.
        layers: paths in the network of the layers whose outputs the head sees, ``(B, C, ...)``.
            Default: its last four activations.
        selector: which samples together. Default: ``TopK()``.
        margin: by how much predictions are kept apart.
        loss_weight: of the ranking loss.
        **options: those of ``Strategy``.
    """

    module: LossPredictingClassifier

    def __init__(
        self,
        classifier: nn.Module,
        train_pool: ActiveLearningDataset,
        loss_head: nn.Module | None = None,
        layers: Sequence[str] | None = None,
        selector: Selector | Callable[..., Any] | None = None,
        *,
        margin: float = 1.0,
        loss_weight: float = 1.0,
        **options: Unpack[StrategyOptions],
    ) -> None:
        training, rest = training_options(options)
        module = LossPredictingClassifier(
            classifier, loss_head, layers, margin=margin, loss_weight=loss_weight, **training
        )
        super().__init__(module, train_pool, None, selector or TopK(), features="pooled", **rest)

    @property
    def acquisition(self) -> Criterion:
        """The loss that the head predicts."""
        return HeadScore(self.module.loss_head)

    def keep_initial_weights(self) -> None:
        """As ever; before it a sample of the pool tells a head the width of the features."""
        if any(isinstance(p, nn.UninitializedParameter) for p in self.module.parameters()):
            with closing(self.predictions(self.train_pool, [0])) as predictions, torch.no_grad():
                self.module.loss_head(next(predictions).features)
        super().keep_initial_weights()
