"""Labels: plain values of one kind, returned in the form of the dataset's own labels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Set, Sized
from enum import Enum
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alkit.errors import LabelError


class Absent(Enum):
    """Marker that stays the same object in copies and in other processes."""

    ABSENT = "no label"


ABSENT = Absent.ABSENT


def plain(label: object) -> Any:
    """Label in plain values (numbers, text, nested lists), which JSON and torch.save accept."""
    if isinstance(label, Tensor | np.ndarray | np.generic):
        return label.tolist()
    return [plain(part) for part in label] if isinstance(label, list | tuple) else label


def label_kind(label: object) -> str:
    """Kind of a label, in words, so that the labels of one pool can be compared.

    Raises:
        LabelError: None, NaN or infinity, which are not labels, or a list that is not an array.
    """
    label = plain(label)
    if label is None or label is ABSENT:
        raise LabelError("None is not a label; leave the sample unannotated instead.")
    if isinstance(label, list):
        try:
            values = np.asarray(label)
        except ValueError:  # rows of different lengths
            values = np.asarray(None)
        if values.dtype.kind not in "biuf":
            raise LabelError(f"a label of several values must be an array of numbers, got {label}.")
        finite = bool(np.isfinite(values).all())
        kind = f"array of shape {values.shape}"
    else:
        finite = not isinstance(label, float) or math.isfinite(label)
        kind = "int" if isinstance(label, bool | int) else type(label).__name__
    if not finite:
        raise LabelError(f"{label} is not a label; leave the sample unannotated instead.")
    return kind


def fitting_labels(labels: object, ids: np.ndarray, known: str | None) -> list[Any]:
    """Labels as plain values, one per index and all of one kind: ``known``, if it is not None.

    Integers are accepted among floats, and become floats.

    Raises:
        LabelError: a wrong number of labels, or a label of another kind, which the error names.
    """
    given: Iterable[object] = plain(labels)
    if isinstance(given, str | bytes | Mapping | Set) or not isinstance(given, Sized):
        raise LabelError(f"expected {len(ids)} labels, one per index, got {given!r}.")
    if len(given) != len(ids):
        raise LabelError(f"expected {len(ids)} labels, one per index, got {len(given)}.")
    values = [plain(label) for label in given]
    kinds = [label_kind(label) for label in values]
    expected = known or ("float" if "float" in kinds else "".join(kinds[:1]))
    for k, (index, kind) in enumerate(zip(ids.tolist(), kinds, strict=True)):
        if (kind, expected) == ("int", "float"):
            values[k] = float(values[k])
        elif kind != expected:
            raise LabelError(
                f"sample {index}: expected a label of kind {expected} like the others, "
                f"got {values[k]!r} ({kind})."
            )
    return values


def in_form_of(own: Any, label: object) -> Any:
    """Plain label in the form of the dataset's own, so that a batch can contain both.

    A tensor or array if ``own`` is one, with its dtype if that loses nothing (no fraction).
    Otherwise a list of numbers becomes a tensor, and everything else stays as it is.
    """
    form = type(own)  # type only: ``own`` may be a label that was not paid for and raises on use
    if issubclass(form, Tensor) and isinstance(label, (int, float, list)):
        value = torch.as_tensor(label)
        fits = value.dtype != own.dtype and torch.can_cast(value.dtype, own.dtype)
        return value.to(own.dtype) if fits else value
    if issubclass(form, np.ndarray) and isinstance(label, (int, float, list)):
        return in_form_of(torch.as_tensor(own), label).numpy()
    return torch.as_tensor(label) if isinstance(label, list) else label
