"""Semi-supervised learning: what the model is sure of becomes the label of a harder view."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn
from typing_extensions import Unpack

from alkit.criteria import Criterion
from alkit.pool import ActiveLearningDataset
from alkit.selectors import Selector
from alkit.strategies.learner import ScoreFunction
from alkit.strategies.strategy import Strategy, StrategyOptions, training_options
from alkit.training.augmentation import STRONG, WEAK, Augmentation
from alkit.training.budget import check_counts
from alkit.training.consistency import ConsistentClassifier
from alkit.training.unannotated import beside_unannotated


class SemiSupervisedStrategy(Strategy):
    """Learns from the unannotated samples too, and queries as any strategy does.

    ``ConsistentClassifier`` states the objective (FixMatch, Sohn et al. 2020). Pseudo-labels are
    the machine's: they live for one step, are logged as ``train_pseudo_labeled``, and never
    enter the pool. With nothing left unannotated it says so, and trains on the weakly augmented
    annotated samples alone.

    A step is one optimizer step, as in every strategy; it costs about 1 + 4/3
    ``unlabeled_batch_size / batch_size`` of their steps. Unannotated batches are drawn with
    replacement, with the training transform and without labels, and loaded when they are needed.
    An epoch is a pass over the annotated samples, which may be a few steps only:
    ``steps_per_epoch=100`` saves what Lightning does at the end of each.

    Args:
        classifier: the network, a Block or any ``nn.Module``, which returns ``(B, C)``.
        train_pool: the pool; its inputs are tensors of one shape.
        criterion, selector: as for ``Strategy``.
        weak: makes easy views of a batch of inputs: ``weak(x)``, or ``weak(x, generator=)`` to
            draw from the strategy's own random numbers. Default: small distortions of images.
        strong: likewise hard views. Default: larger distortions, and a hole.
        threshold: how probable a class must be to become a pseudo-label, in [0, 1).
        unlabeled_weight: of the loss on pseudo-labels.
        unlabeled_batch_size: unannotated samples a step. Default: four times ``batch_size``.
        **options: those of ``Strategy``.

    Raises:
        ConfigurationError: a threshold, weight or augmentation that cannot be right, or a loss of
            a regression.
    """

    module: ConsistentClassifier

    def __init__(
        self,
        classifier: nn.Module,
        train_pool: ActiveLearningDataset,
        criterion: Criterion | ScoreFunction | None = None,
        selector: Selector | Callable[..., Any] | None = None,
        *,
        weak: Augmentation = WEAK,
        strong: Augmentation = STRONG,
        threshold: float = 0.95,
        unlabeled_weight: float = 1.0,
        unlabeled_batch_size: int | None = None,
        **options: Unpack[StrategyOptions],
    ) -> None:
        check_counts(unlabeled_batch_size=unlabeled_batch_size)
        training, rest = training_options(options)
        module = ConsistentClassifier(
            classifier,
            weak=weak,
            strong=strong,
            threshold=threshold,
            unlabeled_weight=unlabeled_weight,
            **training,
        )
        super().__init__(module, train_pool, criterion, selector, **rest)
        self.unlabeled_batch_size = unlabeled_batch_size or 4 * self.batch_size

    def train_dataloader(self) -> Any:
        """Annotated batches, and beside each one a batch of unannotated samples, if any is left."""
        self.module.rng = self.generator("augment")
        return beside_unannotated(
            super().train_dataloader(),
            self.train_pool.unannotated,
            self.unlabeled_batch_size,
            self.generator("unannotated"),
            **self.loader,
        )
