"""Adversarial training: a critic of the latents separates annotated from unannotated samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from alkit.blocks import Block, Sequential
from alkit.training import Classifier
from alkit.training.batches import split_batch


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


def _as_block(part: nn.Module) -> Block:
    """A block says where shapes do not fit."""
    return part if isinstance(part, Block) else Sequential(part)


def _reversed(latents: Tensor, weight: float) -> Tensor:
    """The same values, with a gradient of the opposite sign, times ``weight``."""
    return -weight * latents + (1 + weight) * latents.detach()
