"""Adversarial active learning: a critic on the latents tells annotated from unannotated."""

from __future__ import annotations

from typing import Any

from torch import nn
from typing_extensions import Unpack

from alkit.criteria import Criterion, HeadScore, Rank
from alkit.pool import ActiveLearningDataset
from alkit.strategies.learner import ScoreFunction
from alkit.strategies.strategy import Strategy, StrategyOptions, training_options
from alkit.training.adversarial import AdversarialClassifier
from alkit.training.unannotated import beside_unannotated


class AdversarialStrategy(Strategy):
    """Queries what the model is unsure of and what is unlike everything annotated (WAAL).

    Trains the backbone to give annotated and unannotated samples the same latents, against a
    critic that tells them apart; then asks for the largest

        uncertainty_weight * Rank(criterion) + discriminator_weight * Rank(critic)

    Source: Shui et al., Deep Active Learning: Unified and Principled Method for Query and
    Training, AISTATS 2020. ``AdversarialClassifier`` states the training objective and every
    deviation; in the query, ranks take the place of raw values, whose scales cannot be compared.

    A step costs about two steps of the other strategies: it sees a batch of unannotated samples
    as well, loaded when it is needed, with the training transform and without labels.

    Args:
        backbone: gives latents ``(B, D)``, or of any shape.
        classification_head: gives the outputs from the latents.
        discriminator_head: gives one number from the flattened latents ``(B, D)``: an
            ``alkit.Discriminator``, say. A sigmoid at its end is allowed, and bounds the critic.
        train_pool: the pool.
        criterion: the uncertainty. Default: ``Margin()``.
        uncertainty_weight, discriminator_weight: of the two ranks in the query. By default the
            critic decides among the most uncertain percent of the candidates: larger weights
            lost accuracy on the digits and on MNIST.
        adversarial_weight: how much the backbone listens to the critic (mu in the paper).
        gradient_penalty_weight: how firmly the critic is kept 1-Lipschitz.
        unlabeled_batch_size: unannotated samples a step. Default: ``batch_size``.
        **options: those of ``Strategy``.
    """

    module: AdversarialClassifier

    def __init__(
        self,
        backbone: nn.Module,
        classification_head: nn.Module,
        discriminator_head: nn.Module,
        train_pool: ActiveLearningDataset,
        criterion: Criterion | ScoreFunction | None = None,
        *,
        uncertainty_weight: float = 1.0,
        discriminator_weight: float = 0.01,
        adversarial_weight: float = 0.01,
        gradient_penalty_weight: float = 10.0,
        unlabeled_batch_size: int | None = None,
        **options: Unpack[StrategyOptions],
    ) -> None:
        training, rest = training_options(options)
        module = AdversarialClassifier(
            backbone,
            classification_head,
            discriminator_head,
            adversarial_weight=adversarial_weight,
            gradient_penalty_weight=gradient_penalty_weight,
            **training,
        )
        super().__init__(module, train_pool, criterion, features="model.0", **rest)
        self.uncertainty_weight = uncertainty_weight
        self.discriminator_weight = discriminator_weight
        self.unlabeled_batch_size = unlabeled_batch_size or self.batch_size

    @property
    def acquisition(self) -> Criterion:
        """The weighted ranks of the uncertainty and of the critic."""
        critic = HeadScore(self.module.discriminator)
        uncertainty = Rank(super().acquisition)
        return self.uncertainty_weight * uncertainty + self.discriminator_weight * Rank(critic)

    def train_dataloader(self) -> Any:
        """Annotated batches, and beside each one a batch of unannotated samples, if any is left."""
        annotated = super().train_dataloader()
        others = self.train_pool.unannotated
        self.module.unannotated_share = len(others) / len(self.train_pool)
        self.module.rng = self.generator("between")
        return beside_unannotated(
            annotated,
            others,
            self.unlabeled_batch_size,
            self.generator("unannotated"),
            **self.loader,
        )
