"""Form of the labels of a dataset, which labels from people must have."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from alkit.errors import LabelError
from alkit.pool.boxes import are_boxes, formed_boxes
from alkit.pool.dtypes import changed_by, exact
from alkit.pool.labels import own_kind
from alkit.pool.shapes import follows, shape_of


class Form(NamedTuple):
    """Form of the labels of a pool, as far as it is known.

    Attributes:
        kind: kind of the labels; None if not known.
        dtype: dtype of those that are tensors or arrays; None if not known.
        dense: whether they have the shape of their input; None if not known.
    """

    kind: str | None = None
    dtype: torch.dtype | None = None
    dense: bool | None = None


def form_of(label: Any, x: object = None) -> Form:
    """Form of a label of the dataset, and of its input.

    Raises:
        LabelError: it is not a label.
    """
    dtype = None
    if isinstance(label, Tensor):
        dtype = label.dtype
    elif isinstance(label, np.ndarray) and label.dtype.kind in "biuf":
        dtype = torch.as_tensor(label).dtype
    return Form(kind_with_shape(label), dtype, is_dense(label, x))


def is_dense(label: Any, x: object) -> bool | None:
    """True if a label that is an array has the shape of its input; None if it is none."""
    shape = shape_of(label)
    return follows(x, shape) if shape else None


def kind_with_shape(label: Any) -> str:
    """Kind of a label of a pool; that of an array has its shape."""
    kind = own_kind(label)
    return f"array of shape {tuple(np.shape(label))}" if kind == "array" else kind


def in_form_of(own: Any, label: object) -> Any:
    """Plain label in the form of the dataset's own, so that a batch can contain both.

    A tensor or array if ``own`` is one, with its dtype if that loses nothing (no fraction).
    Otherwise a list of numbers becomes a tensor, and everything else stays as it is. Boxes become
    tensors whatever the dataset's own are, since a batch holds them as a list.
    """
    form = type(own)  # type only: ``own`` may be a label that was not paid for and raises on use
    if are_boxes(label):
        return formed_boxes(label, own)  # type: ignore[arg-type]
    if isinstance(label, list) and label and isinstance(label[0], dict):
        return label
    if issubclass(form, Tensor) and isinstance(label, (int, float, list)):
        value = exact(label)
        if value.dtype == own.dtype:
            return value
        if not torch.can_cast(value.dtype, own.dtype):
            return torch.as_tensor(label)
        if own.dtype not in (torch.float32, torch.float64) and changed_by(label, own.dtype):
            raise LabelError(
                f"the label {label!r:.200} does not fit into {own.dtype} of the dataset's."
            )
        return value.to(own.dtype)
    if issubclass(form, np.ndarray) and isinstance(label, (int, float, list)):
        return in_form_of(torch.as_tensor(own), label).numpy()
    return torch.as_tensor(label) if isinstance(label, list) else label
