"""Consistency training (FixMatch): confident guesses become the labels of harder views."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from alkit.errors import ConfigurationError, ModelOutputError
from alkit.training import Classifier
from alkit.training.augmentation import Augmentation, Augmenter
from alkit.training.batches import split_batch


class ConsistentClassifier(Classifier):
    """A classifier that also agrees with itself on samples that nobody labeled (FixMatch).

    One step on annotated ``(x, y)`` and unannotated ``u``, with p the probabilities of the model:

        q = p(weak(u))                                   without gradients
        loss(weak(x), y) + unlabeled_weight * mean over u of [max q >= threshold]
                                              * loss(strong(u), argmax q)

    Source: Sohn et al. 2020, "FixMatch: simplifying semi-supervised learning with consistency and
    confidence", algorithm 1. Two deviations: q comes from a pass of its own, in training mode, so
    that no gradient is computed for it; the other two parts share one pass, and so the statistics
    of BatchNorm.

    Logged beside the loss on what people annotated (``train_loss``, and the metrics): the
    ``train_consistency_loss``, and ``train_pseudo_labeled``, the share of the unannotated batch
    that the machine labeled.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        weak: Augmentation,
        strong: Augmentation,
        threshold: float,
        unlabeled_weight: float,
        **training: Any,
    ) -> None:
        super().__init__(model, **training)
        if self.outputs == "values":
            raise ConfigurationError(
                f"{type(self.loss).__name__} is the loss of a regression, whose outputs do not "
                "say how sure the model is: pseudo-labels need a classifier."
            )
        if not 0 <= threshold < 1:
            raise ConfigurationError(
                f"threshold is the least probability of a pseudo-label, in [0, 1); got {threshold}."
            )
        if not 0 <= unlabeled_weight < math.inf:
            raise ConfigurationError(
                f"unlabeled_weight is a finite factor of at least 0, got {unlabeled_weight!r}."
            )
        self.weak = Augmenter("weak", weak)
        self.strong = Augmenter("strong", strong)
        self.threshold = threshold
        self.unlabeled_weight = unlabeled_weight
        self.rng = torch.Generator()  # of the augmentations, set for each fit

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        x, y = split_batch(batch["annotated"])
        x = self.weak(_tensor(x), self.rng)
        if "unannotated" not in batch:
            return self.step_loss("train", self(x), y)
        u = batch["unannotated"]
        u = _tensor(split_batch(u)[0] if isinstance(u, Mapping) else u)
        guesses, kept = self.pseudo_labels(self.weak(u, self.rng))
        y_hat, u_hat = self(torch.cat([x, self.strong(u, self.rng)])).tensor_split([len(x)])
        loss = self.step_loss("train", y_hat, y)
        share = kept.float().mean()
        consistency = u_hat.sum() * 0.0  # of a batch without a pseudo-label
        if kept.any():
            consistency = share * self.compute_loss(u_hat[kept], guesses[kept])  # type: ignore
        for name, value in (("consistency_loss", consistency), ("pseudo_labeled", share)):
            self.log(
                f"train_{name}", value.detach(), on_step=True, on_epoch=True, batch_size=len(y)
            )
        return loss + self.unlabeled_weight * consistency

    def pseudo_labels(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """The likeliest class of each sample ``(B,)``, and which of them are sure enough."""
        with torch.no_grad():
            outputs = self(u)
        if outputs.ndim != 2 or outputs.shape[1] < 2:
            raise ModelOutputError(
                f"pseudo-labels need one column a class, (B, C), got {tuple(outputs.shape)}."
            )
        outputs = outputs.float()
        if self.outputs == "log_probabilities":
            outputs = outputs.exp()
        elif self.outputs != "probabilities":
            outputs = outputs.softmax(1)
        confidence, guesses = outputs.max(1)
        return guesses, confidence >= self.threshold


def _tensor(x: Any) -> Tensor:
    if not isinstance(x, Tensor):
        raise ModelOutputError(
            "a SemiSupervisedStrategy augments inputs that are one tensor a batch, got "
            f"{type(x).__name__}: let the pool's transform make a tensor of each sample."
        )
    return x
