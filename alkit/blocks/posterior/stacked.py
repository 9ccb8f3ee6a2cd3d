"""The K axis: stacking the outputs of several networks into one tensor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from alkit.errors import ModelOutputError
from alkit.model_outputs import logits_of


def gives_samples(module: nn.Module) -> bool:
    """True if a part of the module declares that it returns posterior samples (N, K, C)."""
    return any(getattr(part, "posterior_samples", False) for part in module.modules())


def stacked(outputs: list[Any], network: nn.Module, block: str) -> Any:
    """K outputs (N,) or (N, C, ...) as (N, K, C, ...); samples (N, M, C, ...) as (N, K M, C, ...).

    Outputs of several axes, such as maps (N, C, H, W), are refused later unless a task declares
    them. K lists of the boxes of N images become N lists of K dicts.

    Args:
        outputs: the K outputs.
        network: the network that returned one of them.
        block: name of the block, for errors.

    Raises:
        ModelOutputError: the networks return something else.
    """
    if all(map(are_boxes, outputs)):
        images = zip(*outputs, strict=True)
        return [[found for one in image for found in _each(one)] for image in images]
    outputs = [logits_of(output) for output in outputs]
    first = outputs[0]
    if not first.ndim:
        raise ModelOutputError(f"{block} expects networks that return one tensor (N, C), got ().")
    if first.ndim > 2 and gives_samples(network):
        return torch.cat(outputs, 1)
    return torch.stack([x[:, None] if x.ndim == 1 else x for x in outputs], 1)


def agree_on_every_row(outputs: Any) -> bool:
    """Return whether the samples are equal; False for a constant, e.g. a last layer of zeros."""
    if isinstance(outputs, list):
        scores = [[torch.as_tensor(found["scores"]) for found in image] for image in outputs]
        same = all(image[0].equal(one) for image in scores for one in image)
        return same and not all(scores[0][0].equal(image[0]) for image in scores)
    same = bool((outputs == outputs[:, :1]).all())
    return same and not bool((outputs == outputs[:1]).all())


def are_boxes(output: Any) -> bool:
    """True for boxes, a dict per image, or a list of dicts from a network with samples."""
    if not isinstance(output, list | tuple) or not output:
        return False
    found = [one for image in output for one in _each(image)]
    return all(isinstance(one, Mapping) and "scores" in one for one in found)


def _each(image: Any) -> list[Any]:
    return list(image) if isinstance(image, list | tuple) else [image]
