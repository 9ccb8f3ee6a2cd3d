"""SemiSupervisedStrategy: learns from the unannotated samples too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn
from typing_extensions import Unpack

from alkit.criteria import Criterion
from alkit.pool import ActiveLearningDataset
from alkit.querying.acquisition import ScoreFunction
from alkit.selectors import Selector
from alkit.strategies.strategy import Strategy, StrategyOptions, training_options
from alkit.training import FixMatchClassifier
from alkit.training.augmentation import STRONG, WEAK, Augmentation


class SemiSupervisedStrategy(Strategy):
    """Learns from the unannotated samples too (FixMatch), and queries as any strategy does.

    ``FixMatchClassifier`` states the objective (Sohn et al. 2020) and its arguments. Unannotated
    batches are drawn with replacement, with the training transform and without labels, and loaded
    when they are needed. An epoch is a pass over the annotated samples, which may be a few steps
    only: ``steps_per_epoch=100`` saves what Lightning does at the end of each.

    Args:
        classifier: the network, a Block or any ``nn.Module``, which returns ``(B, C)``.
        train_pool: the pool; its inputs are tensors of one shape.
        criterion, selector: as for ``Strategy``.
        weak, strong, threshold, unlabeled_weight, unlabeled_batch_size: arguments of
            ``FixMatchClassifier``.
        **options: the options of ``Strategy``.
    """

    def __init__(
        self,
        classifier: nn.Module,
        train_pool: ActiveLearningDataset,
        *,
        criterion: Criterion | ScoreFunction | None = None,
        selector: Selector | Callable[..., Any] | None = None,
        weak: Augmentation = WEAK,
        strong: Augmentation = STRONG,
        threshold: float = 0.95,
        unlabeled_weight: float = 1.0,
        unlabeled_batch_size: int | None = None,
        **options: Unpack[StrategyOptions],
    ) -> None:
        training, rest = training_options(options)
        module = FixMatchClassifier(
            classifier,
            weak=weak,
            strong=strong,
            threshold=threshold,
            unlabeled_weight=unlabeled_weight,
            unlabeled_batch_size=unlabeled_batch_size,
            **training,
        )
        super().__init__(module, train_pool, criterion, selector, **rest)
