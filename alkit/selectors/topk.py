from __future__ import annotations

import torch
from torch import Generator, Tensor

from alkit.prediction import Prediction
from alkit.selectors.selector import Selector


class TopK(Selector):
    """The n highest scores; all candidates of an equal score are equally likely to be taken.

    Ties inside the picks come in random order too. Cost: O(N + n log n) time, O(N) memory, and
    at most N random numbers.
    """

    def select(
        self,
        scores: Tensor,
        n: int,
        generator: Generator,
        prediction: Prediction | None = None,
    ) -> Tensor:
        threshold = scores.topk(n).values[-1]
        above = _shuffle((scores > threshold).nonzero().flatten(), generator)
        above = above[scores[above].argsort(descending=True, stable=True)]
        tied = _shuffle((scores == threshold).nonzero().flatten(), generator)
        return torch.cat([above, tied[: n - len(above)]])


def _shuffle(positions: Tensor, generator: Generator) -> Tensor:
    return positions[torch.randperm(len(positions), generator=generator)]
