"""Readings of heatmaps, one per keypoint: their peaks, and the spread of their mass."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from alkit.errors import PredictionError
from alkit.model_outputs import logits_of
from alkit.prediction import Prediction


def peaks(returned: object) -> Prediction:
    """Prediction in which a keypoint is at one of the peaks of its heatmap.

    A peak is at least as high as its eight neighbors, and higher than one of them. The columns are
    the places, those of the peaks with the softmax of their heights, all others with 0. In a map
    without peaks, which is constant, all places have the same probability.

    Args:
        returned: heatmaps ``(N, P, H, W)`` of P keypoints, as the network is trained to return.

    Raises:
        PredictionError: the heatmaps have another shape.
    """
    maps = _heatmaps(returned)
    highest, lowest = max_pool2d(maps, 3, 1, 1), -max_pool2d(-maps, 3, 1, 1)
    peak = (maps == highest) & (maps > lowest)
    peak |= ~peak.flatten(2).any(2)[..., None, None]
    heights = maps.masked_fill(~peak, -torch.inf).flatten(2).log_softmax(2)
    return Prediction.keypoints(heights.unflatten(2, maps.shape[2:]), kind="log_probabilities")


def positions(returned: object) -> Prediction:
    """Prediction of the position of each keypoint, (row, column), with its variance, in pixels.

    The position is distributed as the softmax of the heatmap over its places.

    Args:
        returned: heatmaps ``(N, P, H, W)`` of P keypoints, as logits of the places.

    Raises:
        PredictionError: the heatmaps have another shape.
    """
    maps = _heatmaps(returned).double()
    n, keypoints, height, width = maps.shape
    p = maps.flatten(2).softmax(2).unflatten(2, (height, width))
    moments = [_moments(p.sum(3)), _moments(p.sum(2))]
    mean, deviation = (torch.stack(part, -1).flatten(0, 1).float() for part in zip(*moments))
    rows = torch.stack([mean - deviation, mean + deviation], 1)  # the mean and variance of both
    owners = torch.arange(n, device=maps.device).repeat_interleave(keypoints)
    return Prediction(rows, torch.arange(n), "values", None, "keypoints", owners)


def _moments(p: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of the place, for probabilities ``(N, P, S)`` of S places."""
    places = torch.arange(p.shape[2], dtype=p.dtype, device=p.device)
    mean = (p * places).sum(2)
    return mean, (p * (places - mean[..., None]).square()).sum(2).sqrt()


def _heatmaps(returned: object) -> Tensor:
    maps = logits_of(returned).detach()
    if maps.ndim != 4 or not maps.is_floating_point():
        raise PredictionError(
            f"heatmaps of keypoints have the shape (N, P, H, W), got {tuple(maps.shape)} of "
            f"{maps.dtype}."
        )
    return maps
