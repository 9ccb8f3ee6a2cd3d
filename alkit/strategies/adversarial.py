"""Adversarial active learning: a critic on the latents tells annotated from unannotated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from typing_extensions import Unpack

from alkit.applications import Classifier
from alkit.applications.batches import split_batch
from alkit.blocks import Block, Sequential
from alkit.criteria import Criterion, HeadScore, Rank
from alkit.pool import ActiveLearningDataset
from alkit.strategies.learner import ScoreFunction
from alkit.strategies.loading import beside_unannotated
from alkit.strategies.strategy import Strategy, StrategyOptions, training_options


class AdversarialClassifier(Classifier):
    """A classifier whose backbone also learns to fool a critic of its latents.

    One step on annotated ``(x, y)`` and unannotated ``u``, with latents z = f(x), z_u = f(u)
    (after Shui et al. 2020; L annotated, U unannotated, D = L + U the whole pool):

        W = U / (L + U) * (mean g(z_u) - mean g(z))     the distance that g sees, D to L
        critic g:              maximize W - penalty_weight * mean (|grad g(z')| - 1)^2
        backbone f, head h:    minimize loss(h(z), y) + adversarial_weight * W

    with z' uniformly between pairs of z and z_u (Gulrajani et al. 2017). High g: unlike what is
    annotated. Deviations from the paper's code: both sides step at once, by one backward pass
    through a gradient reversal (Ganin and Lempitsky 2015), so that a batch is one optimizer step;
    the penalty is subtracted in the critic's objective (there it enters with the wrong sign);
    the ratio is what the distance of L to D gives, where the code weights the annotated mean by
    L / U and so rewards a critic for being large everywhere.
    """

    def __init__(
        self,
        backbone: nn.Module,
        head: nn.Module,
        discriminator: nn.Module,
        *,
        adversarial_weight: float,
        gradient_penalty_weight: float,
        **training: Any,
    ) -> None:
        backbone, head, discriminator = map(_as_block, (backbone, head, discriminator))
        super().__init__(Sequential(backbone, head), **training)
        self.discriminator = discriminator
        self.adversarial_weight = adversarial_weight
        self.gradient_penalty_weight = gradient_penalty_weight
        self.unannotated_share = 1.0  # U / (L + U), set for each fit
        self.rng = torch.Generator()  # of the points between latents, set for each fit

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        x, y = split_batch(batch["annotated"])
        backbone, head = self.model[0], self.model[1]  # type: ignore[index]
        latents = backbone(x)
        loss = self.step_loss("train", head(latents), y)
        if "unannotated" not in batch:
            return loss
        u = batch["unannotated"]
        u = split_batch(u)[0] if isinstance(u, Mapping) else u
        ours, others = latents.flatten(1), backbone(u).flatten(1)
        weight = self.adversarial_weight
        distance = self.distance(_reversed(ours, weight), _reversed(others, weight))
        penalty = self.gradient_penalty(ours.detach(), others.detach())
        for name, value in (("distance", distance), ("gradient_penalty", penalty)):
            self.log(
                f"train_{name}", value.detach(), on_step=True, on_epoch=True, batch_size=len(y)
            )
        return loss - distance + self.gradient_penalty_weight * penalty

    def distance(self, latents: Tensor, others: Tensor) -> Tensor:
        """W: how far the critic sees the pool from its annotated part."""
        critic = self.discriminator
        return self.unannotated_share * (critic(others).mean() - critic(latents).mean())

    def gradient_penalty(self, latents: Tensor, others: Tensor) -> Tensor:
        """Mean of (|grad g| - 1)^2 at random points between pairs of latents ``(B, D)``."""
        n = min(len(latents), len(others))
        share = torch.rand(n, 1, generator=self.rng).to(latents)
        between = (share * latents[:n] + (1 - share) * others[:n]).requires_grad_()
        (gradient,) = torch.autograd.grad(
            self.discriminator(between).sum(), between, create_graph=True
        )
        norm = torch.linalg.vector_norm(gradient, dim=1)
        return ((norm - 1) ** 2).mean()


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


def _as_block(part: nn.Module) -> Block:
    """A block says where shapes do not fit."""
    return part if isinstance(part, Block) else Sequential(part)


def _reversed(latents: Tensor, weight: float) -> Tensor:
    """The same values, with a gradient of the opposite sign, times ``weight``."""
    return -weight * latents + (1 + weight) * latents.detach()
