"""HeadScore: scores by a learned head, such as a discriminator or a predictor of losses."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from alkit.criteria import needs
from alkit.criteria.context import Context, as_context
from alkit.criteria.criterion import Criterion
from alkit.errors import ConfigurationError
from alkit.eval_mode import evaluating
from alkit.prediction import Prediction


class HeadScore(Criterion):
    """Output of a head on a candidate's features: one number per row, bounded as the head is.

    High must mean wanted: unlike the annotated samples for a discriminator, a large loss for a
    head that predicts the loss; otherwise write ``-HeadScore(head)``. The head runs without
    gradients and in evaluation mode; every mode is restored afterwards.

    Paper: for a discriminator of the latents, Sinha, Ebrahimi & Darrell 2019, "Variational
    adversarial active learning", and Shui, Zhou, Gagné & Wang 2020; for a loss head, Yoo & Kweon
    2019, "Learning loss for active learning". Cost: that of the head on ``(N, D)``.

    Args:
        head: the head, from features ``(N, D)`` to ``(N, 1)`` or ``(N,)``; or the path of that part
            in the strategy's module, ``"discriminator"``. It is moved to the features' device
            while it runs.

    Raises:
        ConfigurationError: the head is neither a module nor a path.
    """

    scores_rows = False

    def __init__(self, head: nn.Module | str) -> None:
        if not isinstance(head, nn.Module | str):
            raise ConfigurationError(
                "head must be an nn.Module from features (N, D) to (N, 1), or the path of one in "
                f'the strategy\'s module, such as "discriminator", got {head!r}.'
            )
        self.head = head

    def at(self, context: Context) -> Criterion:
        if isinstance(self.head, str):
            return HeadScore(as_context(context).part(self.head))
        return self

    def score(self, prediction: Prediction) -> Tensor:
        if isinstance(self.head, str):
            raise ConfigurationError(
                f"{self!r} names a part of a strategy's module: give it to a Strategy."
            )
        features = needs.features(self, prediction)
        weight = next(self.head.parameters(), features)
        with evaluating(self.head, features.device), torch.no_grad():
            scores = self.head(features.to(weight.dtype))
        scores = scores[:, 0] if scores.shape[1:] == (1,) else scores
        return scores.to(torch.promote_types(scores.dtype, torch.float32))

    def __repr__(self) -> str:
        head = self.head if isinstance(self.head, str) else type(self.head).__name__
        return f"HeadScore({head})"
