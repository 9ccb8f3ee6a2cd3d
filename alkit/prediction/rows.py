"""Rows of a structured output, and the samples that own them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from alkit.errors import PredictionError
from alkit.prediction.checks import numbers_of

if TYPE_CHECKING:
    from alkit.prediction.readings import Readings

UNITS = {
    "multilabel": "labels",
    "segmentation": "pixels",
    "tokens": "tokens",
    "detection": "boxes",
    "keypoints": "keypoints",
    "rows": "rows",
}
"""Name of the rows of each task whose samples have any number of rows."""


def in_order(owners: object, outputs: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """Owners and outputs, sorted by owner; rows of one sample keep their order.

    Raises:
        PredictionError: the owners are not one position in ``0 .. n - 1`` for each row.
    """
    at = numbers_of(owners, "owners").to(outputs.device)
    if len(at) and (at.is_floating_point() or at.is_complex() or at.dtype == torch.bool):
        raise PredictionError(f"owners must be positions of samples, integers, got {at.dtype}.")
    at = at.long()
    if at.shape != (len(outputs),):
        raise PredictionError(
            f"expected {len(outputs)} owners, one for each row, got shape {tuple(at.shape)}."
        )
    if len(at) and not 0 <= int(at.min()) <= int(at.max()) < n:
        low, high = map(int, at.aminmax())
        raise PredictionError(
            f"owners are positions among the {n} samples of the prediction, 0 to {n - 1}, not "
            f"their ids; got {low} to {high}."
        )
    if bool((at.diff() >= 0).all()):
        return at, outputs
    order = at.argsort(stable=True)
    return at[order], outputs[order]


def sizes_of(prediction: Readings) -> Tensor:
    """Number of rows of each sample, ``(N,)``, on the device of the outputs."""
    outputs, n = prediction._needed_outputs(), len(prediction)
    if prediction.owners is not None:
        return torch.bincount(prediction.owners, minlength=n)
    each = outputs.shape[-1] if prediction.task == "multilabel" else 1
    return torch.full((n,), each, device=outputs.device)


def rows_of(prediction: Readings) -> tuple[Tensor, Tensor]:
    """Ids ``(M,)`` and outputs ``(M, K, C)`` of all rows; a label is a row ``(K, 1)``."""
    outputs, ids = prediction._needed_outputs(), prediction.ids
    if prediction.task == "multilabel":
        rows = outputs.transpose(1, 2).flatten(0, 1)[..., None]
        return ids.repeat_interleave(outputs.shape[-1]), rows
    return ids.repeat_interleave(prediction.sizes.to(ids.device)), outputs


def part_of(prediction: Readings, samples: Tensor | slice) -> tuple[Tensor, Tensor]:
    """Outputs and owners of some of the samples, in their order."""
    outputs, sizes = prediction._needed_outputs(), prediction.sizes
    at = samples.to(sizes.device) if isinstance(samples, Tensor) else samples
    places = torch.arange(len(prediction), device=sizes.device)[at]
    kept = sizes[places]
    owners = torch.arange(len(places), device=sizes.device).repeat_interleave(kept)
    ends = sizes.cumsum(0)
    if isinstance(samples, slice) and len(places) and samples.step in (None, 1):
        first, last = int(places[0]), int(places[-1])
        return outputs[int(ends[first] - sizes[first]) : int(ends[last])], owners
    shift = (ends - sizes)[places] - (kept.cumsum(0) - kept)
    return outputs[torch.arange(len(owners), device=sizes.device) + shift[owners]], owners


def needs_one_row(prediction: Readings) -> str:
    """Message for a part that needs one row of exclusive classes per sample."""
    if prediction.task == "multilabel":
        return (
            f"the outputs are {prediction._needed_outputs().shape[-1]} independent labels, whose "
            "probabilities do not sum to one. A criterion scores each label, and the mean "
            "counts; samples are compared by KCenter() or KMeansPlusPlus(GradientEmbedding()); "
            "a function reads label_probabilities or rows()."
        )
    return (
        f"the outputs are {prediction.unit}, any number of rows per sample, and one row of class "
        "probabilities per sample is needed. To score, let Each(criterion, reduce) pass each row "
        "to the criterion or function; to compare samples, use their features, such as KCenter() "
        'or KMeansPlusPlus(Features()) with features="layer.path".'
    )
