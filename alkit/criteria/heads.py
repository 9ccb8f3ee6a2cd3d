"""Scores that a network learned: a discriminator's, or those of a head that predicts the loss."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from alkit.criteria import needs
from alkit.criteria.criterion import Criterion
from alkit.eval_mode import evaluating
from alkit.prediction import Prediction


class HeadScore(Criterion):
    """What a head says of a candidate's features: one number a row, unbounded unless it bounds it.

    High must mean wanted: unlike what is annotated for a discriminator, a large loss for a head
    that predicts the loss; else write ``-HeadScore(head)``. The head runs without gradients and
    in evaluation mode, and every mode is as it was afterwards.

    Paper: a discriminator on the latents, Sinha, Ebrahimi & Darrell 2019, "Variational
    adversarial active learning"; Shui, Zhou, Gagné & Wang 2020; a loss head, Yoo & Kweon 2019,
    "Learning loss for active learning". Cost: that of the head on ``(N, D)``.

    Args:
        head: takes features ``(N, D)``, returns ``(N, 1)`` or ``(N,)``; on the features' device.
    """

    def __init__(self, head: nn.Module) -> None:
        self.head = head

    def score(self, prediction: Prediction) -> Tensor:
        features = needs.features(self, prediction)
        weight = next(self.head.parameters(), features)
        with evaluating(self.head), torch.no_grad():
            scores = self.head(features.to(weight.dtype))
        scores = scores[:, 0] if scores.shape[1:] == (1,) else scores
        return scores.to(torch.promote_types(scores.dtype, torch.float32))

    def __repr__(self) -> str:
        return f"HeadScore({type(self.head).__name__})"
