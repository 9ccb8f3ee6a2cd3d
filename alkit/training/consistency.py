"""Consistency training (FixMatch): confident guesses become labels of strongly augmented views."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from alkit.errors import ConfigurationError, ModelOutputError
from alkit.training.augmentation import STRONG, WEAK, Augmentation, Augmenter
from alkit.training.batches import INPUTS
from alkit.training.budget import check_counts
from alkit.training.classifiers import Classifier


class FixMatchClassifier(Classifier):
    """Classifier that is also trained to be consistent on unannotated samples (FixMatch).

    One step on annotated ``(x, y)`` and unannotated ``u``, with p the probabilities of the model:

        q = p(weak(u))                                   without gradients
        loss(weak(x), y) + unlabeled_weight * mean over u of [max q >= threshold]
                                              * loss(strong(u), argmax q)

    Source: Sohn et al. 2020, "FixMatch: simplifying semi-supervised learning with consistency and
    confidence", algorithm 1. Two deviations: q comes from a separate pass, in training mode, so
    that no gradient is computed for it; the other two parts share one pass and therefore the
    statistics of BatchNorm.

    Pseudo-labels exist for one step and never enter the pool. In addition to the loss on the
    annotated samples (``train_loss``) and the metrics, it logs ``train_consistency_loss`` and
    ``train_pseudo_labeled``, the share of the unannotated batch with a pseudo-label. A step costs
    about 1 + 4/3 ``unlabeled_batch_size / batch_size`` steps of a plain classifier.

    Args:
        model: the network, which returns ``(B, C)``.
        weak: augmentation for easy views of a batch of inputs: ``weak(x)``, or
            ``weak(x, generator=)`` to draw from the strategy's random numbers. Default: small
            distortions of images.
        strong: augmentation for hard views. Default: larger distortions, with a part erased.
        threshold: smallest probability of a pseudo-label, in [0, 1).
        unlabeled_weight: weight of the loss on pseudo-labels.
        unlabeled_batch_size: number of unannotated samples per step. Default: four times the
            batch size.
        **training: the arguments of ``Classifier``.

    Raises:
        ConfigurationError: the threshold, the weight or an augmentation is invalid, or the loss
            is that of a regression; in a fit, the task is another than exclusive classes.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        weak: Augmentation = WEAK,
        strong: Augmentation = STRONG,
        threshold: float = 0.95,
        unlabeled_weight: float = 1.0,
        unlabeled_batch_size: int | None = None,
        **training: Any,
    ) -> None:
        check_counts(unlabeled_batch_size=unlabeled_batch_size)
        super().__init__(model, **training)
        if self.outputs == "values":
            raise ConfigurationError(
                f"{type(self.loss).__name__} is a regression loss, and regression outputs have no "
                "probabilities: pseudo-labels need a classifier."
            )
        if not 0 <= threshold < 1:
            raise ConfigurationError(
                "threshold, the smallest probability of a pseudo-label, must be in [0, 1), "
                f"got {threshold}."
            )
        if not 0 <= unlabeled_weight < math.inf:
            raise ConfigurationError(
                f"unlabeled_weight must be finite and at least 0, got {unlabeled_weight!r}."
            )
        self.weak = Augmenter("weak", weak)
        self.strong = Augmenter("strong", strong)
        self.threshold = threshold
        self.unlabeled_weight = unlabeled_weight
        self.unlabeled_batch_size = unlabeled_batch_size
        self.rng = torch.Generator()  # for the augmentations; replaced for each fit

    def unannotated_batch_size(self, batch_size: int) -> int:
        """Number of unannotated samples per step."""
        return self.unlabeled_batch_size or 4 * batch_size

    def begin_fit(
        self, annotated: int, unannotated: int, generator: Callable[[str], torch.Generator]
    ) -> None:
        """Set the random generator of the augmentations."""
        self.rng = generator("augment")

    def training_step(self, batch: Mapping[str, Any], batch_idx: int) -> Tensor:
        x, y = self._places.split(batch["annotated"], self)
        x = self.weak(_tensor(x), self.rng)
        if "unannotated" not in batch:
            return self.step_loss("train", self._read(self(x), x), y)
        u = _tensor(self._places.input_of(batch["unannotated"], self, INPUTS))
        guesses, kept = self.pseudo_labels(self.weak(u, self.rng))
        both = torch.cat([x, self.strong(u, self.rng)])
        outputs = self._read(self(both), both)
        y_hat, u_hat = outputs.tensor_split([len(x)])
        loss = self.step_loss("train", y_hat, y)
        share = kept.float().mean()
        consistency = u_hat.sum() * 0.0  # for a batch without pseudo-labels
        if kept.any():
            consistency = share * self.compute_loss(u_hat[kept], guesses[kept])  # type: ignore
        for name, value in (("consistency_loss", consistency), ("pseudo_labeled", share)):
            self.log(
                f"train_{name}", value.detach(), on_step=True, on_epoch=True, batch_size=len(y)
            )
        return loss + self.unlabeled_weight * consistency

    def pseudo_labels(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """Most probable class of each sample ``(B,)``, and a mask of the confident ones."""
        with torch.no_grad():
            outputs = self._read(self(u), u)
        if outputs.ndim != 2 or outputs.shape[1] < 2:
            raise ModelOutputError(
                f"pseudo-labels need one column per class, (B, C), got {tuple(outputs.shape)}."
            )
        meaning = getattr(self._predictor, "meaning", None)
        task = self.task or getattr(meaning, "task", None)
        if task not in (None, "multiclass"):
            raise ConfigurationError(
                "pseudo-labels are the most probable of exclusive classes, and the task is "
                f'"{task}": train by a plain Strategy, or by the loss of exclusive classes.'
            )
        outputs = outputs.float()
        if self.outputs == "log_probabilities":
            outputs = outputs.exp()
        elif self.outputs != "probabilities":
            outputs = outputs.softmax(1)
        confidence, guesses = outputs.max(1)
        return guesses, confidence >= self.threshold


def _tensor(x: object) -> Tensor:
    if not isinstance(x, Tensor):
        raise ModelOutputError(
            "FixMatch augments inputs that are one tensor per batch, got "
            f"{type(x).__name__}: use a transform of the pool that returns a tensor per sample."
        )
    return x
