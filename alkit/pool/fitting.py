"""Labels that fit together: all of one kind, and into the dtype of the dataset's labels."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import torch

from alkit.errors import LabelError
from alkit.pool.boxes import BOXES
from alkit.pool.dtypes import changed_by
from alkit.pool.labels import Describe, as_list, kind_named, label_kind, sample_named
from alkit.pool.shapes import OTHER_NUMBERS, InputOf, expected_kinds

PLACEHOLDERS = " If the dataset's own labels are placeholders, declare them by missing=."


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
                f"{values[k]!r:.200}: convert them to a wider type."
            )
        if (kind, expected) in OTHER_NUMBERS:
            values[k] = float(values[k])
    return values


def most_common(kinds: list[str]) -> str:
    """The kind of most labels; that of floats, if these are integers and floats."""
    kinds = [kind for kind in kinds if kind != BOXES] or kinds  # no boxes are of any unit
    most = Counter(kinds).most_common(1)[0][0] if kinds else ""
    return "float" if most == "int" and "float" in kinds else most


def other_kind(sample: str, label: object, kind: str, expected: str) -> LabelError:
    """The error for a label of another kind than the others of its pool."""
    more = " Pass classes= to the pool if text labels name its classes." if kind == "str" else ""
    return LabelError(
        f"{sample}: expected a label of kind {expected} like the others, "
        f"got {label!r:.200} ({kind}).{more}"
    )
