"""Predictions of as many rows per sample as there are places, less those that a mask leaves out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from alkit.errors import PredictionError
from alkit.prediction.checks import checked_ids, numbers_of

if TYPE_CHECKING:
    from alkit.prediction.prediction import Prediction


def with_samples(
    task: str, outputs: Any, form: str, axes: tuple[int, ...], samples: bool
) -> Tensor:
    """Outputs ``(N, K, ...)``, with as many axes after K as the task has."""
    x = numbers_of(outputs, "outputs")
    x = x if samples else x[:, None]
    if x.ndim - 2 not in axes:
        k, got = ("K, ", x) if samples else ("", x[:, 0] if x.shape[1:] else x)
        raise PredictionError(
            f'outputs of the task "{task}" have the shape (N, {k}{form}), got {tuple(got.shape)}.'
        )
    return x


def mask_of(mask: Any, shape: tuple[int, ...], device: torch.device) -> Tensor | None:
    """A mask as booleans of a shape; None for none.

    An axis of length 1 is repeated, and a mask of maps without the axis N holds for all samples. A
    shorter mask could be one number per sample as well as one per place, and is refused.

    Raises:
        PredictionError: it has another shape, or values other than 0 and 1.
    """
    if mask is None:
        return None
    kept = numbers_of(mask, "mask").to(device)
    if kept.ndim == len(shape) + 1 and kept.shape[1] == 1:
        kept = kept[:, 0]  # a mask with a channel
    axes = (len(shape), max(2, len(shape) - 1))
    fits = all(size in (1, full) for size, full in zip(kept.shape[::-1], shape[::-1]))
    if kept.ndim not in axes or not fits:
        raise PredictionError(
            f"mask must be True, or 1, where a row counts, of the shape {shape}, got "
            f"{tuple(kept.shape)} of {kept.dtype}."
        )
    if kept.dtype != torch.bool:
        strange = kept[(kept != 0) & (kept != 1)]
        if len(strange):
            raise PredictionError(
                "mask must be True, or 1, where a row counts, and 0 elsewhere, got "
                f"{strange[0].item()!r} of {kept.dtype}: compare, such as mask=labels != -100."
            )
    return kept.bool().expand(shape)


def regular(
    cls: type[Any],
    rows: Tensor,
    kept: Tensor | None,
    ids: Any,
    kind: Any,
    task: str,
    *,
    multilabel: bool = False,
) -> Prediction:
    """Prediction of rows ``(N, S, K, C)``, some of which are left out; C binary rows of each."""
    if multilabel:
        columns = rows.shape[-1]
        rows = rows.transpose(2, 3)[..., None].flatten(1, 2)  # (N, S * C, K, 1)
        kept = None if kept is None else kept.flatten(1).repeat_interleave(columns, 1)
    n, width = rows.shape[:2]
    owners = torch.arange(n, device=rows.device)[:, None].expand(n, width)
    if kept is None:
        rows, owners = rows.flatten(0, 1), owners.flatten()
    else:
        kept = kept.reshape(n, width)
        rows, owners = rows[kept], owners[kept]
    return cls(rows, checked_ids(ids, n), kind, None, task, owners)
