"""The K axis: stacking the outputs of several networks into one tensor."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from alkit.errors import ModelOutputError
from alkit.model_outputs import logits_of


def gives_samples(module: nn.Module) -> bool:
    """True if a part of the module declares that it returns posterior samples (N, K, C)."""
    return any(getattr(part, "posterior_samples", False) for part in module.modules())


def stacked(outputs: list[Any], network: nn.Module, block: str) -> Tensor:
    """K outputs (N,) or (N, C, ...) as (N, K, C, ...); samples (N, M, C, ...) as (N, K M, C, ...).

    Outputs of several axes, such as maps (N, C, H, W), are refused later unless a task declares
    them.

    Args:
        outputs: the K outputs.
        network: the network that returned one of them.
        block: name of the block, for errors.

    Raises:
        ModelOutputError: the networks return something else.
    """
    outputs = [logits_of(output) for output in outputs]
    first = outputs[0]
    if not first.ndim:
        raise ModelOutputError(f"{block} expects networks that return one tensor (N, C), got ().")
    if first.ndim > 2 and gives_samples(network):
        return torch.cat(outputs, 1)
    return torch.stack([x[:, None] if x.ndim == 1 else x for x in outputs], 1)
