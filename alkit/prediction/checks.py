"""Checks of the parts of a prediction."""

from __future__ import annotations

import math
import warnings
from typing import Any

import torch
from torch import Tensor

from alkit.errors import NonFiniteError, PredictionError
from alkit.storage import DEFAULT

ROWS = 2**16  # rows that are converted at a time


def are_finite(values: Tensor) -> bool:
    """Return whether all values are finite, in one pass without allocating a copy.

    A sum is finite only if all values are; it may overflow, and then their bounds decide.
    """
    values = values.detach()
    if not values.numel() or (values.element_size() > 2 and math.isfinite(values.sum())):
        return True
    return all(math.isfinite(bound) for bound in values.aminmax())


def look_like_probabilities(outputs: Tensor, task: str = "multiclass", least: int = 2) -> bool:
    """Return whether the first 1,000 rows look like probabilities.

    Non-negative, and each row sums to one up to 0.5 %; of independent labels and of a single
    column, each is in [0, 1]. False for fewer rows than ``least``, which are too few to tell.
    """
    some = outputs[:1000]
    if len(some) < least or some.amin() < 0:
        return False
    if task == "multilabel" or some.shape[-1] == 1:
        return bool(some.amax() <= 1)
    return bool(((some.float().sum(-1) - 1).abs() < 5e-3).all())


def unwarned(value: Any) -> Tensor:
    """``torch.as_tensor`` without the warning that an array is read-only: none is written to."""
    if isinstance(value, Tensor):  # a filter of warnings costs more than the checks of a batch
        return value
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return torch.as_tensor(value)


def numbers_of(value: object, name: str) -> Tensor:
    """A tensor of an array, tensor or nested list of numbers with at least one axis.

    Raises:
        PredictionError: it is anything else.
    """
    try:
        numbers = unwarned(value).detach()
    except (TypeError, ValueError, RuntimeError) as error:
        raise PredictionError(
            f"{name} must be an array, a tensor or a nested list of numbers, got "
            f"{type(value).__name__}: {str(error).splitlines()[0]}"
        ) from error
    if not numbers.ndim:
        raise PredictionError(f"{name} must have one row per candidate, got one number.")
    return numbers


def as_mask(value: object, name: str = "mask") -> Tensor:
    """A mask as booleans.

    Raises:
        PredictionError: its values are not True and False, or 1 and 0.
    """
    mask = numbers_of(value, name)
    if mask.dtype != torch.bool and not ((mask == 0) | (mask == 1)).all():
        strange = mask[(mask != 0) & (mask != 1)][0].item()
        raise PredictionError(
            f"{name} must be True, or 1, where a row counts, and False, or 0, elsewhere, got "
            f"{strange:g}: of labels, compare, such as mask=labels != -100; of a mask that is "
            "added to scores of attention, pass mask == 0."
        )
    return mask.bool()


def one_sample(part: object) -> str:
    """Message for a part that measures disagreement and got one posterior sample."""
    return (
        f"{part!r} measures the disagreement of posterior samples, and the model gives one "
        "(K = 1), so nothing would be measured and chance would choose. Use MCDropout(network), "
        "Ensemble(network), or samples= or members= of ActiveLearner."
    )


def checked_ids(ids: object, n: int) -> Tensor:
    """Ids as ``(n,)`` distinct integers from 0 on; 0 .. n - 1 by default."""
    if ids is None:
        return torch.arange(n)
    ids = numbers_of(ids, "ids")
    if n and (ids.is_floating_point() or ids.is_complex() or ids.dtype == torch.bool):
        raise PredictionError(f"ids must be integers, got {ids.dtype}.")
    ids = ids.long()
    if ids.shape != (n,):
        raise PredictionError(f"expected {n} ids, one per sample, got shape {tuple(ids.shape)}.")
    ascending = bool((ids[1:] > ids[:-1]).all())
    lowest = 0 if not n else int(ids[0] if ascending else ids.min())
    if lowest < 0:
        raise PredictionError(f"ids are dataset indices from 0 on, got {lowest}.")
    if not ascending and len(ids.unique()) != n:
        raise PredictionError("ids must be distinct: a candidate appears twice.")
    return ids


def checked_outputs(outputs: object) -> Tensor:
    """Outputs as a floating-point tensor ``(N, K, C)``, detached, of at least 32 bits."""
    outputs = numbers_of(outputs, "outputs")
    if outputs.ndim == 2:
        outputs = outputs[:, None, :]
    if outputs.ndim != 3 or 0 in outputs.shape[1:]:
        raise PredictionError(
            "outputs must have the shape (N, K, C), or (N, C) for K = 1, "
            f"got {tuple(outputs.shape)}."
        )
    if not outputs.is_floating_point():
        raise PredictionError(f"outputs must be floating point, got {outputs.dtype}.")
    if outputs.dtype in (torch.float16, torch.bfloat16):
        return _widened(outputs)  # entropies of half precision are noise
    return outputs


def _widened(outputs: Tensor) -> Tensor:
    """Outputs in float32, converted block by block; in a file if they do not fit into memory."""
    what = f"the outputs {tuple(outputs.shape)}"
    wide = DEFAULT.empty(outputs.shape, torch.float32, outputs.device, what)
    for ours, theirs in zip(wide.split(ROWS), outputs.split(ROWS), strict=True):
        ours.copy_(theirs)
    return wide


def checked_features(features: object, ids: Tensor) -> Tensor:
    """Features as a finite floating-point tensor ``(N, D)``, detached."""
    features = numbers_of(features, "features")
    if features.ndim != 2 or len(features) != len(ids):
        raise PredictionError(
            f"features must have the shape ({len(ids)}, D), got {tuple(features.shape)}."
        )
    if not features.is_floating_point():
        raise PredictionError(f"features must be floating point, got {features.dtype}.")
    if not are_finite(features):
        raise_for(~torch.isfinite(features).all(1), ids, "features")
    return features


def raise_for(bad: Tensor, ids: Tensor, what: str) -> None:
    """Raise a NonFiniteError that names the first bad row, if there is one."""
    if bad.any():
        rows = ids.cpu()[bad.cpu()]
        raise NonFiniteError(
            f"The model's {what} contain NaN or infinity for {len(rows)} of {len(bad)} "
            f"samples (the first: sample {int(rows[0])}). Nothing was selected. Check the "
            "learning rate, the inputs of these samples, and that the model was trained."
        )
