"""The K axis: stacking the outputs of several networks into one tensor."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from alkit.errors import ModelOutputError


def stacked(outputs: list[Any], block: str) -> Tensor:
    """K outputs (N,) or (N, C) as (N, K, C); outputs (N, M, C) with M samples as (N, K M, C).

    Raises:
        ModelOutputError: the networks return something else.
    """
    first = outputs[0]
    if not isinstance(first, Tensor) or first.ndim not in (1, 2, 3):
        got = tuple(first.shape) if isinstance(first, Tensor) else type(first).__name__
        raise ModelOutputError(
            f"{block} expects networks that return one tensor (N, C), got {got}."
        )
    if first.ndim == 3:
        return torch.cat(outputs, 1)
    return torch.stack([x[:, None] if x.ndim == 1 else x for x in outputs], 1)
