from __future__ import annotations

import torch
from torch import Generator, Tensor

from alkit.prediction import Prediction
from alkit.selectors.selector import Selector


class Random(Selector):
    """n candidates drawn uniformly without replacement, whatever their scores.

    Cost: O(N) time and memory, N random numbers; no candidate need be scored.
    """

    uses_scores = False

    def select(
        self,
        scores: Tensor,
        n: int,
        generator: Generator,
        prediction: Prediction | None = None,
    ) -> Tensor:
        return torch.randperm(len(scores), generator=generator)[:n]
