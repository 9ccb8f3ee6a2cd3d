"""The K axis: stacking the outputs of several networks into one tensor."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from alkit.errors import ModelOutputError
from alkit.model_outputs import logits_of


def stacked(outputs: list[Any], block: str) -> Tensor:
    """K outputs (N,) or (N, C) as (N, K, C); outputs (N, M, C) with M samples as (N, K M, C).

    Raises:
        ModelOutputError: the networks return something else.
    """
    outputs = [logits_of(output) for output in outputs]
    first = outputs[0]
    if first.ndim not in (1, 2, 3):
        raise ModelOutputError(
            f"{block} expects networks that return one tensor (N, C), got {tuple(first.shape)}."
        )
    if first.ndim == 3:
        return torch.cat(outputs, 1)
    return torch.stack([x[:, None] if x.ndim == 1 else x for x in outputs], 1)
