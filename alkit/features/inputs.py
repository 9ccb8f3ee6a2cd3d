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

INSTEAD = (
    "Use Given(array) with features of your own, Frozen(encoder) with a network, or those of the "
    "network that is trained, Features(normalize=True)."
)
WIDE = {"int16", "int32", "int64", "uint16", "uint32", "uint64"}  # networks look up ids of these


def values_of(source: Source, ids: np.ndarray, quantities: bool = True) -> Iterator[Any]:
    """Batches of some samples: lists of texts, or rows of numbers ``(B, V)``.

    Args:
        source: the samples.
        ids: ids of some of them.
        quantities: whether integers must be quantities, and not ids of tokens or categories.

    Raises:
        FeaturesError: the inputs are anything else.
    """
    width: int | None = None
    for chosen, inputs in source.batches(ids):
        batch = source.input_of(inputs, None)
        if quantities and isinstance(batch, Mapping):
            _check_names(batch)
        if isinstance(batch, Mapping) and len(batch) == 1:
            (batch,) = batch.values()
        texts = texts_of(batch)
        if texts is not None:
            yield texts
            continue
        rows = numbers_of(batch, len(chosen), quantities, source.is_list(batch, len(chosen)))
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


def numbers_of(batch: Any, count: int, quantities: bool = True, listed: bool = False) -> np.ndarray:
    """A batch of inputs as rows ``(count, V)``; large images are scaled down first.

    Args:
        batch: a tensor or array of ``count`` rows, several of these in a tuple or dict, or a list
            of images of any size.
        count: number of samples.
        quantities: see ``values_of``; the rows are float32 then, and integers stay integers if not.
        listed: whether it is a list of one input per sample.

    Raises:
        FeaturesError: it holds anything else.
    """
    if isinstance(batch, Mapping):
        batch = [batch[key] for key in sorted(batch, key=str)]
    if isinstance(batch, list | tuple):
        parts = [_tensor(part) for part in batch]
        if not listed and all(part.ndim and len(part) == count for part in parts):
            return np.concatenate([_rows(part, quantities) for part in parts], 1)
        if listed and all(part.ndim >= 2 for part in parts):
            sized = [_images(part.reshape(1, -1, *part.shape[-2:]), always=True) for part in parts]
            return np.concatenate([_rows(part, quantities) for part in sized])
    else:
        rows = _tensor(batch)
        if rows.ndim and len(rows) == count:
            return _rows(rows, quantities)
    raise FeaturesError(f"inputs are not rows of numbers of one shape. {INSTEAD}")


def _tensor(part: Any) -> Tensor:
    numbers = isinstance(part, np.ndarray) and part.dtype.isnative and part.dtype.kind in "biufc"
    tensor = torch.as_tensor(part) if numbers else part
    if isinstance(tensor, Tensor) and not tensor.is_complex():
        return tensor
    raise FeaturesError(
        f"inputs are principal components of numbers, and a sample has a {type(part).__name__}. "
        f"{INSTEAD} If the items are dicts, declare the input, input_key= of the pool."
    )


def _check_names(batch: Mapping[Any, Any]) -> None:
    """Raise a FeaturesError if a key names ids, such as ``input_ids``, whatever their dtype."""
    keys = [key for key in batch if str(key) == "tokens" or str(key).endswith("_ids")]
    found = next((key for key in keys if isinstance(batch[key], Tensor | np.ndarray)), None)
    if found is not None:
        raise FeaturesError(f"inputs have {found!r}, {_ids_mean_nothing('')}")


def _check_quantities(part: Tensor) -> None:
    """Raise a FeaturesError for integers that may be ids; see ``Inputs``."""
    if str(part.dtype).removeprefix("torch.") not in WIDE or not part.numel():
        return
    low, high = (int(bound) for bound in part.long().aminmax())
    if low < 0 or high > (255 if part.ndim > 2 else 1):
        remedy = " If they are quantities, let the dataset return them as floats."
        raise FeaturesError(
            f"inputs are integers, {part.dtype} from {low} to {high}, which may be "
            f"{_ids_mean_nothing(remedy)}"
        )


def _ids_mean_nothing(remedy: str) -> str:
    return (
        "numbers of tokens or categories, so their principal components mean nothing. Use "
        "Frozen(encoder) with a network that takes them, Given(array) with features of your own, "
        f"or texts in place of ids.{remedy}"
    )


def _rows(part: Tensor, quantities: bool) -> np.ndarray:
    if quantities:
        _check_quantities(part)
    part = _images(part) if part.ndim == 4 else part
    flat = part.reshape(len(part), -1)
    return (flat.float() if quantities or flat.is_floating_point() else flat).cpu().numpy()


def _images(images: Tensor, always: bool = False) -> Tensor:
    """Images ``(B, C, H, W)`` with at most 32 x 32 pixels, or always with as many."""
    size = (SIDE, SIDE) if always else tuple(min(SIDE, side) for side in images.shape[-2:])
    if images.shape[-2:] == size:
        return images
    return interpolate(images.float(), size, mode="bilinear", antialias=True)
