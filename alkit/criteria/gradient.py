"""Expected effect of a label on the model, measured by its gradient."""

from __future__ import annotations

import torch
from torch import Tensor

from alkit.criteria import needs
from alkit.criteria.criterion import Criterion
from alkit.prediction import Prediction


class ExpectedGradientLength(Criterion):
    """``sum_y p_y ||p - onehot(y)|| * ||(e, 1)||``: expected gradient norm of the last layer.

    The gradient of the cross-entropy with respect to the weights of a linear last layer is the
    outer product of ``p - onehot(y)`` and its input e, the features; its bias adds the 1. The
    score is at least 0, unitless, and zero where p is one-hot; it grows with the norm of the
    features.

    Paper: Settles & Craven 2008, "An analysis of active learning strategies for sequence labeling
    tasks", sec. 3.3; for deep networks, Huang, Child, Rao, Liu, Satheesh & Coates 2016, "Active
    learning for speech recognition: the power of gradients". Cost: O(N (C + D)).

    Args:
        bias: True if the last layer has a bias.
    """

    scores_rows = False

    def __init__(self, bias: bool = True) -> None:
        self.bias = bias

    def score(self, prediction: Prediction) -> Tensor:
        p = prediction.mean_probabilities
        length = torch.linalg.vector_norm(needs.features(self, prediction).to(p), dim=1)
        if self.bias:
            length = torch.hypot(length, torch.ones_like(length))
        # the largest separately: it may be so close to 1 that the difference is rounding error
        first, position = p.max(dim=1, keepdim=True)
        others = p.scatter(1, position, 0)
        rest = others.square().sum(1, keepdim=True)
        of_first = first * torch.hypot(1 - first, rest.sqrt())
        squares = first.square() + rest
        of_others = others * (squares + 1 - 2 * others).clamp_min_(0).sqrt_()
        return length * (of_first[:, 0] + of_others.sum(1))

    def __repr__(self) -> str:
        return f"ExpectedGradientLength({'' if self.bias else 'bias=False'})"
