"""Adversarial training: a critic learns to separate annotated from unannotated latents."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from alkit.blocks import Block, Sequential
from alkit.errors import ModelOutputError
from alkit.training.batches import INPUTS
from alkit.training.budget import check_counts
from alkit.training.calls import output_for
from alkit.training.classifiers import Classifier


class AdversarialClassifier(Classifier):
    """Classifier whose backbone also learns to fool a critic of its latents (WAAL).

    One step on annotated ``(x, y)`` and unannotated ``u``, with latents z = f(x), z_u = f(u)
    (after Shui et al. 2020; L annotated, U unannotated, D = L + U the whole pool):

        W = U / (L + U) * (mean g(z_u) - mean g(z))     distance of D to L, seen by g
        critic g:              maximize W - penalty_weight * mean (|grad g(z')| - 1)^2
        backbone f, head h:    minimize loss(h(z), y) + adversarial_weight * W

    with z' uniform between pairs of z and z_u (Gulrajani et al. 2017). A high g means that a
    sample is unlike the annotated ones; the criterion ``HeadScore("discriminator")`` uses it.

    Source: Shui et al. 2020, "Deep active learning: unified and principled method for query and
    training", AISTATS. Deviations from the paper's code: both sides are trained by one backward
    pass with gradient reversal (Ganin and Lempitsky 2015), so a batch is one optimizer step. The
    penalty is subtracted in the critic's objective (in the code it has the wrong sign). The factor
    U / (L + U) follows from the distance of L to D; the code weights the annotated mean by L / U,
    which rewards a critic for being large everywhere. A step costs about two steps of a plain
    classifier.

    Args:
        backbone: network that returns latents ``(B, D)`` or of any other shape.
        head: network from the latents to the outputs.
        discriminator: network from flattened latents ``(B, D)`` to one number, such as an
            ``alkit.Discriminator``. A final sigmoid is allowed; it bounds the critic.
        adversarial_weight: weight of the critic in the backbone's objective (mu in the paper).
        gradient_penalty_weight: weight of the penalty that keeps the critic 1-Lipschitz.
        unlabeled_batch_size: number of unannotated samples per step. Default: the batch size.
        **training: the arguments of ``Classifier``.
    """

    model: Sequential
    features_layer = "model.0"
    epoch_covers_unannotated = True  # as the paper counts its epochs

    def __init__(
        self,
        backbone: nn.Module,
        head: nn.Module,
        discriminator: nn.Module,
        *,
        adversarial_weight: float = 0.01,
        gradient_penalty_weight: float = 10.0,
        unlabeled_batch_size: int | None = None,
        **training: Any,
    ) -> None:
        check_counts(unlabeled_batch_size=unlabeled_batch_size)
        backbone, head, discriminator = map(_as_block, (backbone, head, discriminator))
        super().__init__(Sequential(backbone, head), **training)
        self.discriminator = discriminator
        self.adversarial_weight = adversarial_weight
        self.gradient_penalty_weight = gradient_penalty_weight
        self.unlabeled_batch_size = unlabeled_batch_size
        self.unannotated_share = 1.0  # U / (L + U), set for each fit
        self.rng = torch.Generator()  # for the points between latents; replaced for each fit

    def unannotated_batch_size(self, batch_size: int) -> int:
        """Number of unannotated samples per step."""
        return self.unlabeled_batch_size or batch_size

    def begin_fit(
        self, annotated: int, unannotated: int, generator: Callable[[str], torch.Generator]
    ) -> None:
        """Set the share of unannotated samples and the random generator of the penalty."""
        self.unannotated_share = unannotated / (annotated + unannotated)
        self.rng = generator("between")

    def training_step(self, batch: Mapping[str, Any], batch_idx: int) -> Tensor:
        x, y = self._places.split(batch["annotated"], self)
        backbone, head = self.model[0], self.model[1]
        latents = output_for(backbone, x)
        loss = self.step_loss("train", self._read(head(latents), x), y)
        if "unannotated" not in batch:
            return loss
        u = self._places.input_of(batch["unannotated"], self, INPUTS)
        ours, others = latents.flatten(1), output_for(backbone, u).flatten(1)
        weight = self.adversarial_weight
        distance = self.distance(_reversed(ours, weight), _reversed(others, weight))
        penalty = self.gradient_penalty(ours.detach(), others.detach())
        for name, value in (("distance", distance), ("gradient_penalty", penalty)):
            self.log(
                f"train_{name}", value.detach(), on_step=True, on_epoch=True, batch_size=len(y)
            )
        return loss - distance + self.gradient_penalty_weight * penalty

    def distance(self, latents: Tensor, others: Tensor) -> Tensor:
        """Distance W between the pool and its annotated part, estimated by the critic."""
        there, here = self.discriminator(others), self.discriminator(latents)
        if there.numel() != len(others):
            raise ModelOutputError(
                "the discriminator must return one number per sample, got outputs of shape "
                f"{tuple(there.shape)} for {len(others)} samples."
            )
        return self.unannotated_share * (there.mean() - here.mean())

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
    """Wrap a plain module as a block, so that shape errors name the part."""
    return part if isinstance(part, Block) else Sequential(part)


def _reversed(latents: Tensor, weight: float) -> Tensor:
    """Return the same values, with a gradient of the opposite sign, times ``weight``."""
    return -weight * latents + (1 + weight) * latents.detach()
