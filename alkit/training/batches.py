"""Batches from a loader, and targets in the form that a loss needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from alkit.errors import LabelError, ModelOutputError, ShapeError


def split_batch(batch: object) -> tuple[Any, Any]:
    """Inputs and targets of a batch; the targets are None if it has none."""
    if isinstance(batch, Mapping):
        x = next((batch[key] for key in ("x", "image", "input") if key in batch), None)
        y = next((batch[key] for key in ("y", "label", "target") if key in batch), None)
        if x is None:
            raise ModelOutputError(
                'A dict batch needs its input under "x", "image" or "input" (and its target under '
                f'"y", "label" or "target"); got {", ".join(map(repr, batch))}. Use these names, '
                "or override training_step."
            )
        return x, y
    if not isinstance(batch, tuple | list):
        return batch, None
    if len(batch) not in (1, 2):
        raise ModelOutputError(
            f"A batch is (x, y), x alone, or a dict; got {len(batch)} parts. Let the dataset "
            "return x and y, or override training_step."
        )
    return batch[0], batch[1] if len(batch) == 2 else None


def as_classes(y_hat: object, y: object) -> object:
    """Classes as long (N,); class probabilities, which are floating-point, stay as they are.

    Raises:
        LabelError: the targets are text.
    """
    if isinstance(y, list | tuple) and y and isinstance(y[0], str):
        raise LabelError(
            f"the targets are text, such as {y[0]!r}, and the loss needs class numbers: 0, 1, ... "
            "for the outputs of the network in their order."
        )
    if not isinstance(y, Tensor) or not isinstance(y_hat, Tensor) or y.is_floating_point():
        return y
    return (y.squeeze(1) if y.ndim == y_hat.ndim > 1 and y.shape[1] == 1 else y).long()


def as_values(y_hat: object, y: object) -> object:
    """Targets in the shape and dtype of the outputs; only axes of length 1 may differ."""
    if not isinstance(y, Tensor) or not isinstance(y_hat, Tensor):
        return y
    if [n for n in y.shape if n != 1] != [n for n in y_hat.shape if n != 1]:
        raise ShapeError(
            f"The model returned {tuple(y_hat.shape)} for targets {tuple(y.shape)}: an "
            "elementwise loss needs equal shapes. Change the last layer, reshape the targets, or "
            "override targets() of the application."
        )
    y = y.reshape(y_hat.shape)
    half = y_hat.dtype in (torch.float16, torch.bfloat16)
    return y if half and y.is_floating_point() else y.to(y_hat.dtype)  # 1e5 does not fit in float16
