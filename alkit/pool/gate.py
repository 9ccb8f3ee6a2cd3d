"""The gate that every label of a pool passes, from the dataset or from people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alkit.errors import LabelError, close, likely
from alkit.pool.boxes import are_boxes, check_corners
from alkit.pool.declared import class_names, missing_values
from alkit.pool.fitting import fitting_labels
from alkit.pool.form import Form
from alkit.pool.labels import (
    ABSENT,
    Describe,
    as_list,
    kind_named,
    own_kind,
    plain,
    same_value,
)
from alkit.pool.numerals import integer, is_a_number, numbers_or_texts, real
from alkit.pool.shapes import InputOf, follows, size_of
from alkit.pool.tags import arrays_or_texts, on_or_off


class Gate:
    """Check of labels, and the numbers of classes that are named by text.

    Args:
        classes: names of the classes, in the order of their numbers, or None.
        missing: a value, or several, of the dataset's labels that mean "not annotated".

    Raises:
        ConfigurationError: anything else.
    """

    def __init__(self, classes: object, missing: object) -> None:
        self.classes = None if classes is None else class_names(classes)
        self._numbers = {name.strip(): k for k, name in enumerate(self.classes or ())}
        self._as_numbers = not any(map(is_a_number, self._numbers))
        self._missing = missing_values(missing)
        self._vector = f"array of shape ({len(self._numbers)},)"  # one value per class

    def own(self, index: int, label: Any, describe: Describe) -> Any:
        """A label of the dataset as it is used: in its own form, or its class number.

        Raises:
            LabelError: it is missing, or not a label of this pool.
        """
        if label is ABSENT or self.is_missing(label):
            raise LabelError(
                f"the dataset has no label for {describe(index)}: pass labels, or restrict the "
                "pool to samples with a label by among=."
            )
        scalar = label.item() if _is_scalar_array(label) else label
        texts = isinstance(scalar, list | tuple) and any(isinstance(part, str) for part in scalar)
        if (isinstance(scalar, str) or texts) and self.classes is not None:
            return self.numbered(scalar, index, describe)
        if self.classes is not None and are_boxes(label):
            scalar = label = self._own_boxes(label, index, describe)
        remedy = (
            " The label is the dataset's: declare missing= if it means 'not annotated', or leave "
            "such samples out by torch.utils.data.Subset (as for al.compare)."
        )
        kind_named(own_kind, scalar, index, describe, remedy)
        if isinstance(scalar, int | float):
            self.numbered(scalar, index, describe)
        return label

    def _own_boxes(self, label: Any, index: int, describe: Describe) -> Any:
        """Boxes of the dataset, whose classes exist; names of classes become their numbers."""
        given = plain(label["labels"])
        numbers = self.numbered({"boxes": [], "labels": given}, index, describe)["labels"]
        return label if numbers == given else {**label, "labels": torch.as_tensor(numbers)}

    def given(
        self,
        labels: object,
        ids: np.ndarray,
        form: Form,
        describe: Describe,
        input_of: InputOf | None = None,
    ) -> list[Any]:
        """Labels from people as plain values, one per index and all of one kind.

        Boxes, and arrays that may have the shape of their input, are compared with it.

        Raises:
            LabelError: a wrong number of labels, or one that is not a label of this pool.
        """
        values = as_list(labels, len(ids))
        for index, value in zip(ids.tolist(), values, strict=True):
            if not self._as_numbers and isinstance(value, int):
                raise LabelError(
                    f"{describe(index)}: {value!r} could be the number of a class or its name, "
                    f"since classes={_few(self.classes)} look like numbers: give the names, as "
                    "texts."
                )
        if form.kind == self._vector and not form.dense:
            values = [self._on_or_off(y, i, describe) for i, y in zip(ids.tolist(), values)]
        return self.stored(values, ids, form, describe, input_of)

    def stored(
        self,
        labels: object,
        ids: np.ndarray,
        form: Form,
        describe: Describe,
        input_of: InputOf | None = None,
    ) -> list[Any]:
        """The same for labels out of a state, in which classes have numbers."""
        values = as_list(labels, len(ids))
        for index, value in zip(ids.tolist(), values, strict=True):
            if self.is_missing(value):
                raise LabelError(
                    f"{describe(index)}: {value!r:.200} means 'not annotated' in this pool "
                    "(missing=); leave the sample unannotated instead."
                )
        values = [self.numbered(y, i, describe) for i, y in zip(ids.tolist(), values)]
        values = fitting_labels(values, ids, form.kind, describe, form.dtype, input_of, form.dense)
        for index, value in zip(ids.tolist(), values, strict=True):
            if input_of is not None and are_boxes(value):
                self.check_inside(index, value, input_of(index), describe)
            elif input_of is not None and self.classes is not None and isinstance(value, list):
                self._check_numbers(index, value, input_of, describe)
        return values

    def _check_numbers(
        self, index: int, label: list[Any], input_of: InputOf, describe: Describe
    ) -> None:
        """Raise a LabelError for a class of a pixel or token that does not exist."""
        values, classes = np.asarray(label), len(self.classes or ())
        wrong = set()
        if values.dtype.kind in "iu":
            wrong = set(values[values >= classes].tolist()) - set(self._missing)
        if wrong and follows(input_of(index), values.shape):
            raise LabelError(
                f"{describe(index)}: expected class numbers of the {classes} classes in an array, "
                f"got {min(wrong)}; declare missing= if it means 'not annotated'."
            )

    def check_inside(self, index: int, label: Any, x: object, describe: Describe) -> None:
        """Raise a LabelError for boxes without an area, or outside of the image in an input."""
        kind_named(lambda boxes: check_corners(boxes, size_of(x)) or "", label, index, describe)

    def numbered(self, label: Any, index: int, describe: Describe) -> Any:
        """The class number of a label, if the classes are named; otherwise the label."""
        if self.classes is None or not isinstance(label, str | int | float):
            return self._numbered_parts(label, index, describe)
        number = self._numbers.get(label.strip(), -1) if isinstance(label, str) else label
        if isinstance(number, float) or not 0 <= number < len(self.classes):
            names = "."
            if isinstance(label, str) and (len(self.classes) <= 20 or close(label, self.classes)):
                names = likely(label, self.classes)
            raise LabelError(
                f"{describe(index)}: expected one of the {len(self.classes)} classes, by name or "
                f"by its number from 0 to {len(self.classes) - 1}, got {label!r}{names}"
            )
        return number

    def _numbered_parts(self, label: Any, index: int, describe: Describe) -> Any:
        """The same for each box, and for each text of a list."""
        if self.classes is None:
            return label
        if are_boxes(label) and isinstance(label["labels"], list):
            numbers = [self.numbered(part, index, describe) for part in label["labels"]]
            return {**label, "labels": numbers}
        if isinstance(label, list | tuple) and any(isinstance(part, str) for part in label):
            return [self.numbered(part, index, describe) for part in label]
        return label

    def _on_or_off(self, label: Any, index: int, describe: Describe) -> Any:
        if not isinstance(label, list):
            return label
        on = on_or_off(label, len(self._numbers), lambda t: self.numbered(t, index, describe))
        if on is None:
            raise LabelError(
                f"{describe(index)}: a label appears twice among those that are on, {label!r:.200}."
            )
        return on

    def read(self, texts: Sequence[str], kind: str | None) -> list[Any]:
        """Labels as they are written in a file, as numbers only if they are meant as such.

        Lists and boxes are read where the pool's labels are such, or all of the file are. Names of
        classes stay text. Otherwise ``kind`` decides, the kind of the pool's labels. If it is not
        known, the labels are numbers if all of them are written as Python writes numbers (``7`` or
        ``2.5``, but not ``007`` or ``1e3``). A whole number may have ``.0``, since spreadsheets
        write it that way.
        """
        arrays = arrays_or_texts(texts)
        several = kind is None and all(isinstance(label, list | dict) for label in arrays)
        if several or kind not in (None, "int", "float", "str"):
            return arrays
        if self.classes is not None:
            named = not self._as_numbers
            return [t if named or t.strip() in self._numbers else integer(t) for t in texts]
        if kind == "int":
            return [integer(text) for text in texts]
        if kind == "float":
            return [real(text) for text in texts]
        return numbers_or_texts(texts) if kind is None else list(texts)

    def allows(self, labels: Tensor) -> bool:
        """True if no label in a batch of the dataset's can be refused; cheap, and may be wrong."""
        if any((labels == value).any() for value in self._missing if not isinstance(value, str)):
            return False
        if labels.is_floating_point():
            return bool(labels.isfinite().all()) and (self.classes is None or labels.ndim > 1)
        low, high = labels.aminmax()
        return bool(low >= 0) and (self.classes is None or bool(high < len(self.classes)))

    def is_missing(self, label: Any) -> bool:
        """True if a label of the dataset means "not annotated"."""
        return any(same_value(label, value) for value in self._missing)


def _few(names: list[str] | None) -> str:
    shown = (names or [])[:6]
    return f"[{', '.join(map(repr, shown))}{', ...' if len(names or ()) > 6 else ''}]"


def _is_scalar_array(label: Any) -> bool:
    return isinstance(label, Tensor | np.ndarray | np.generic) and label.ndim == 0
