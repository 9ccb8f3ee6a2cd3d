"""Masks of the rows that count."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from alkit.errors import PredictionError
from alkit.prediction.checks import numbers_of

COUNTED = "counted"  # the mask (N, T) of a prediction of tokens, as a layer of features needs it


def as_mask(value: object, name: str = "mask") -> Tensor:
    """A mask as booleans.

    Raises:
        PredictionError: its values are not True and False, or 1 and 0.
    """
    mask = numbers_of(value, name)
    if mask.dtype != torch.bool and not ((mask == 0) | (mask == 1)).all():
        wrong = mask[(mask != 0) & (mask != 1)][0]
        raise PredictionError(
            f"{name} must be True or 1 where a row counts, and False or 0 elsewhere, got "
            f"{wrong.item():g}. A mask that is added to scores of attention has 0 where a token "
            "counts: pass mask == 0."
        )
    return mask.bool()


def mask_of_shape(mask: Any, shape: tuple[int, ...], device: torch.device) -> Tensor | None:
    """A mask as booleans of a shape, or of that of one sample; None for none."""
    if mask is None:
        return None
    kept = as_mask(mask).to(device)
    if kept.ndim == len(shape) + 1 and kept.shape[1] == 1:
        kept = kept[:, 0]  # a mask with a channel
    if kept.shape not in (shape, shape[1:], (1, *shape[1:])):
        raise PredictionError(
            f"mask must be True where a row counts, of the shape {shape}, got {tuple(kept.shape)}."
        )
    return kept.expand(shape)
