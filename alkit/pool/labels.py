"""Labels: plain values of one kind, returned in the form of the dataset's own labels."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Set, Sized
from enum import Enum
from numbers import Number
from typing import Any

import numpy as np
from torch import Tensor

from alkit.errors import LabelError
from alkit.pool.boxes import are_boxes, in_corners, kind_of_boxes


class Absent(Enum):
    """Marker that stays the same object in copies and in other processes."""

    ABSENT = "no label"


ABSENT = Absent.ABSENT


Describe = Callable[[int], str]  # a sample, as errors name it


def sample_named(index: int) -> str:
    """A sample, as errors name it: ``sample 3``."""
    return f"sample {index}"


def plain(label: object) -> Any:
    """Label in plain values (numbers, text, nested lists, dicts), for JSON and torch.save.

    Boxes that declare another format become corners, since a list declares none.
    """
    if isinstance(label, Tensor | np.ndarray | np.generic):
        return label.tolist()
    if isinstance(label, Mapping):
        corners = {"boxes": in_corners(label["boxes"])} if are_boxes(label) else {}
        return {name: plain(part) for name, part in {**label, **corners}.items()}
    return [plain(part) for part in label] if isinstance(label, list | tuple) else label


def label_kind(label: object) -> str:
    """Kind of a label, in words, so that the labels of one pool can be compared.

    Raises:
        LabelError: a value that is not a label: None, NaN, infinity, empty text, a negative
            integer (as a class number), or a list that is not an array of numbers.
    """
    label = plain(label)
    if label is None or label is ABSENT or type(label).__name__ in ("NAType", "NaTType"):
        raise LabelError(f"{_shown(label)} is not a label; leave the sample unannotated instead.")
    if isinstance(label, dict | list) and (kind := _kind_of_dicts(label)):
        return kind
    if isinstance(label, list):
        try:
            values = np.asarray(label)
        except ValueError:  # rows of different lengths
            values = np.asarray(None)
        if values.dtype.kind not in "biuf":
            more = " Pass classes= to the pool if texts name its classes." if label else ""
            raise LabelError(
                f"a label of several values must be an array of numbers, got {label!s:.200}."
                f"{more if isinstance(label[0], str) else ''}"
            )
        if not np.isfinite(values).all():
            raise LabelError(
                f"{label!s:.200} is not a label; leave the sample unannotated instead."
            )
        if _is_negative(values):
            raise _not_a_class(label)
        return f"array of shape {values.shape}"
    if isinstance(label, Enum | Number) and type(label) not in (bool, int, float):
        raise LabelError(
            f"{label!r} ({type(label).__name__}) is not a label: give an int, a float or a text, "
            "such as its .value or float(...)."
        )
    if isinstance(label, bool | int):
        if label < 0:
            raise _not_a_class(label)
        if label >= 2**63:
            raise LabelError(f"{label} is not a label: it does not fit into 64 bits.")
        return "int"
    if isinstance(label, float) and not math.isfinite(label):
        raise LabelError(f"{label} is not a label; leave the sample unannotated instead.")
    if isinstance(label, str) and not label.strip():
        raise LabelError(f"{label!r} is not a label; leave the sample unannotated instead.")
    return type(label).__name__


def _kind_of_dicts(label: Any) -> str:
    """Kind of a label that is a dict, or a list of dicts such as one per box; empty for others."""
    if are_boxes(label):
        return kind_of_boxes(label)
    listed = isinstance(label, list | tuple) and len(label) and isinstance(label[0], Mapping)
    if listed and all(isinstance(part, Mapping) for part in label):
        return "dicts"
    return ""


def own_kind(label: Any) -> str:
    """Kind of a label of the dataset, at the cost of looking at one value of an array.

    Arrays of all shapes are of one kind, and may be measured in part (some values NaN, or some
    negative integers that a loss ignores). Objects of other types are of the kind of their type.

    Raises:
        LabelError: a value that is not a label, see ``label_kind``; an array of such values only.
    """
    if isinstance(label, Mapping | list | tuple) and (kind := _kind_of_dicts(label)):
        return kind
    if isinstance(label, list | tuple):
        try:
            values = np.asarray(label)
        except (ValueError, RuntimeError, TypeError):
            return type(label).__name__
        label = values if values.dtype.kind in "biuf" else None
        if label is None:
            return "list"
    if not isinstance(label, Tensor | np.ndarray) or label.ndim == 0:
        return label_kind(label)
    first = label[(0,) * label.ndim] if 0 not in label.shape else 0
    if first < 0 and _is_negative(label):
        raise _not_a_class("an array of negative numbers only")
    if first != first and _is_nan(label).all():
        raise LabelError("an array of NaN only is not a label.")
    return "array"


def family(kind: str) -> str:
    """Kind without the shape of an array."""
    return kind.split(" of ")[0]


def same_value(label: object, value: object) -> bool:
    """True if a label, or each value of an array, equals a plain value; NaN equals NaN."""
    if isinstance(label, Tensor | np.ndarray) and label.ndim:
        if 0 in label.shape or isinstance(value, str) or value is None:
            return False
        same: Any = _is_nan(label) if value != value else label == value
        return bool(same.all())
    label = plain(label)
    if isinstance(label, list) and isinstance(value, int | float):
        try:
            values = np.asarray(label)
        except ValueError:  # rows of different lengths
            return False
        return values.dtype.kind in "biuf" and same_value(values, value)
    if isinstance(label, int | float) and isinstance(value, int | float):
        return label == value or (label != label and value != value)
    return type(label) is type(value) and label == value


def _is_negative(values: Any) -> bool:
    """True for integers that are all negative."""
    if isinstance(values, Tensor):
        return not values.is_floating_point() and bool((values < 0).all())
    return values.size > 0 and values.dtype.kind == "i" and bool((values < 0).all())


def _is_nan(values: Any) -> Any:
    return values != values


def _not_a_class(label: object) -> LabelError:
    return LabelError(
        f"{label!s:.200} is not a class number, which start at 0; leave the sample "
        "unannotated instead, or give real values as floats."
    )


def _shown(label: object) -> str:
    return "None" if label is ABSENT else repr(label)


def as_list(labels: object, n: int) -> list[Any]:
    """Labels as a list of ``n`` plain values, or a LabelError."""
    given: Iterable[object] = plain(labels)
    if isinstance(given, str | bytes | Mapping | Set) or not isinstance(given, Sized):
        raise LabelError(f"expected {n} labels, one per index, got {given!r}.")
    if len(given) != n:
        raise LabelError(f"expected {n} labels, one per index, got {len(given)}.")
    return [plain(label) for label in given]


def class_numbers_of(labels: object) -> np.ndarray | None:
    """Labels as class numbers ``(n,)``; None if they are others, such as tags of each word."""
    try:
        numbers = np.asarray(labels)
    except ValueError:  # arrays of different lengths
        return None
    fits = numbers.ndim == 1 and numbers.dtype.kind in "iub" and numbers.min(initial=0) >= 0
    return numbers.astype(np.int64) if fits else None


def kind_named(
    kind: Callable[[Any], str], label: object, index: int, describe: Describe, remedy: str = ""
) -> str:
    """Kind of the label of a sample; a LabelError names the sample."""
    try:
        return kind(label)
    except LabelError as error:
        raise LabelError(f"{describe(index)}: {error}{remedy}") from None
