"""Inputs of samples as rows of numbers, or as texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from alkit.errors import FeaturesError
from alkit.features.components import SIDE
from alkit.features.source import Source

INSTEAD = "Use Given(array) with features of your own, or Frozen(encoder) with a network."


def values_of(source: Source, ids: np.ndarray) -> Iterator[Any]:
    """Batches of some samples: lists of texts, or rows of numbers ``(B, V)``."""
    width: int | None = None
    for chosen, inputs in source.batches(ids):
        batch = source.input_of(inputs, None)
        texts = texts_of(batch)
        if texts is not None:
            yield texts
            continue
        rows = numbers_of(batch, len(chosen), source.is_list(batch, len(chosen)))
        width = check_width(rows.shape[1], width, "inputs")
        yield rows


def check_width(width: int, known: int | None, what: str) -> int:
    """The width of the rows of a batch, if it is that of earlier batches.

    Raises:
        FeaturesError: it is another one.
    """
    if known in (None, width):
        return width
    raise FeaturesError(
        f"{what} have {known} values in one batch and {width} in another, as padded sequences do: "
        f"they cannot be compared. {INSTEAD}"
    )


def texts_of(batch: Any) -> list[str] | None:
    """A batch of texts; None if it is anything else."""
    listed = isinstance(batch, list | tuple) and len(batch) > 0
    return list(batch) if listed and all(isinstance(text, str) for text in batch) else None


def numbers_of(batch: Any, count: int, listed: bool = False) -> np.ndarray:
    """A batch of inputs as rows ``(count, V)`` in float32; large images are scaled down first.

    Args:
        batch: a tensor or array of ``count`` rows, several of these in a tuple or dict, or a list
            of images of any size.
        count: number of samples.
        listed: whether it is a list of one input per sample.

    Raises:
        FeaturesError: it holds anything else, or integers that may be numbers of tokens.
    """
    if isinstance(batch, Mapping):
        batch = [batch[key] for key in sorted(batch, key=str)]
    if isinstance(batch, list | tuple):
        parts = [_tensor(part) for part in batch]
        if not listed and all(part.ndim and len(part) == count for part in parts):
            return np.concatenate([_rows(part) for part in parts], 1)
        if listed and all(part.ndim >= 2 for part in parts):
            sized = [_images(part.reshape(1, -1, *part.shape[-2:]), always=True) for part in parts]
            return np.concatenate([_rows(part) for part in sized])
    else:
        rows = _tensor(batch)
        if rows.ndim and len(rows) == count:
            return _rows(rows)
    raise FeaturesError(f"inputs are not rows of numbers of one shape. {INSTEAD}")


def _tensor(part: Any) -> Tensor:
    numbers = isinstance(part, np.ndarray) and part.dtype.isnative and part.dtype.kind in "biufc"
    tensor = torch.as_tensor(part) if numbers else part
    if not isinstance(tensor, Tensor) or tensor.is_complex():
        raise FeaturesError(
            f"inputs are principal components of numbers, and a sample has a {type(part).__name__}"
            f". {INSTEAD}"
        )
    if tensor.dtype in (torch.int16, torch.int32, torch.int64):
        raise FeaturesError(
            f"inputs are integers, {tensor.dtype}, which may be numbers of tokens or categories, "
            f"so their principal components mean nothing. {INSTEAD} If they are quantities, let "
            "the dataset return them as floats."
        )
    return tensor


def _rows(part: Tensor) -> np.ndarray:
    part = _images(part) if part.ndim == 4 else part
    return part.reshape(len(part), -1).float().cpu().numpy()


def _images(images: Tensor, always: bool = False) -> Tensor:
    """Images ``(B, C, H, W)`` with at most 32 x 32 pixels, or always with as many."""
    size = (SIDE, SIDE) if always else tuple(min(SIDE, side) for side in images.shape[-2:])
    if images.shape[-2:] == size:
        return images
    return interpolate(images.float(), size, mode="bilinear", antialias=True)
