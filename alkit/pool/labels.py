"""Labels: plain values of one kind, returned in the form of the dataset's own labels."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Set, Sized
from enum import Enum
from numbers import Number
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alkit.errors import LabelError
from alkit.pool.boxes import BOXES, are_boxes, check_boxes
from alkit.pool.dtypes import changed_by
from alkit.pool.shapes import OTHER_NUMBERS, InputOf, expected_kinds


class Absent(Enum):
    """Marker that stays the same object in copies and in other processes."""

    ABSENT = "no label"


ABSENT = Absent.ABSENT
PLACEHOLDERS = " If the dataset's own labels are placeholders, declare them by missing=."


Describe = Callable[[int], str]  # a sample, as errors name it


def sample_named(index: int) -> str:
    """A sample, as errors name it: ``sample 3``."""
    return f"sample {index}"


def plain(label: object) -> Any:
    """Label in plain values (numbers, text, nested lists, dicts), for JSON and torch.save."""
    if isinstance(label, Tensor | np.ndarray | np.generic):
        return label.tolist()
    if isinstance(label, Mapping):
        return {name: plain(part) for name, part in label.items()}
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
        check_boxes(label)
        return BOXES
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
        f"{label} is not a class number, which start at 0; leave the sample unannotated instead, "
        "or give real values as floats."
    )


def _shown(label: object) -> str:
    return "None" if label is ABSENT else repr(label)


def fitting_labels(
    labels: object,
    ids: np.ndarray,
    known: str | None,
    describe: Describe = sample_named,
    dtype: torch.dtype | None = None,
    input_of: InputOf | None = None,
    dense: bool | None = None,
) -> list[Any]:
    """Labels as plain values, one per index and all of one kind: ``known``, if it is not None.

    Otherwise most of them decide. Integers are accepted among floats, and become floats. Arrays
    of other shapes are accepted where ``expected_kinds`` does, which gets ``input_of``, ``dense``.

    Raises:
        LabelError: a wrong number of labels, or a label of another kind, or one that ``dtype`` of
            the dataset's labels would change; the error names it.
    """
    values = as_list(labels, len(ids))
    kinds = [kind_named(label_kind, y, i, describe) for i, y in zip(ids.tolist(), values)]
    expected = known or most_common(kinds)
    wanted = expected_kinds(kinds, expected, ids.tolist(), input_of, dense)
    for k, (index, kind) in enumerate(zip(ids.tolist(), kinds, strict=True)):
        if kind != wanted[k]:
            wrong = other_kind(describe(index), values[k], kind, wanted[k])
            raise LabelError(f"{wrong}{'' if known is None else PLACEHOLDERS}")
        if dtype is not None and changed_by(values[k], dtype):
            raise LabelError(
                f"{describe(index)}: the dataset's labels are of {dtype}, which cannot hold "
                f"{values[k]!r}: convert them to a wider type."
            )
        if (kind, expected) in OTHER_NUMBERS:
            values[k] = float(values[k])
    return values


def most_common(kinds: list[str]) -> str:
    """The kind of most labels; that of floats, if these are integers and floats."""
    most = Counter(kinds).most_common(1)[0][0] if kinds else ""
    return "float" if most == "int" and "float" in kinds else most


def as_list(labels: object, n: int) -> list[Any]:
    """Labels as a list of ``n`` plain values, or a LabelError."""
    given: Iterable[object] = plain(labels)
    if isinstance(given, str | bytes | Mapping | Set) or not isinstance(given, Sized):
        raise LabelError(f"expected {n} labels, one per index, got {given!r}.")
    if len(given) != n:
        raise LabelError(f"expected {n} labels, one per index, got {len(given)}.")
    return [plain(label) for label in given]


def kind_named(
    kind: Callable[[Any], str], label: object, index: int, describe: Describe, remedy: str = ""
) -> str:
    """Kind of the label of a sample; a LabelError names the sample."""
    try:
        return kind(label)
    except LabelError as error:
        raise LabelError(f"{describe(index)}: {error}{remedy}") from None


def other_kind(sample: str, label: object, kind: str, expected: str) -> LabelError:
    """The error for a label of another kind than the others of its pool."""
    more = " Pass classes= to the pool if text labels name its classes." if kind == "str" else ""
    return LabelError(
        f"{sample}: expected a label of kind {expected} like the others, "
        f"got {label!r:.200} ({kind}).{more}"
    )
