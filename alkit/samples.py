"""How the items of a dataset are read: input and label apart, transformed, perhaps cached."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from torch import Tensor

from alkit.errors import ConfigurationError, LabelError

ABSENT: Any = object()  # "there is no label here"; None may be what a dataset itself says

Transform = Callable[[Any], Any]


class Samples:
    """The items of a map-style dataset as ``(input, label)``, whatever their form.

    An item is ``(x, y)``, ``(x,)``, ``x`` alone, or a dict whose label stands under ``label_key``
    (its input is the dict without it). Reading one costs O(1); nothing is copied, and with
    ``cache`` what was read once is kept.
    """

    def __init__(self, dataset: Any, *, cache: bool, label_key: str | None) -> None:
        if not (hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")):
            raise ConfigurationError(
                "A pool needs a map-style dataset with __len__ and __getitem__, "
                f"got {type(dataset).__name__}."
            )
        if len(dataset) == 0:
            raise ConfigurationError("A pool needs at least one sample; this dataset has none.")
        self.dataset = dataset
        self.label_key = label_key
        self._cache: list[Any] | None = [ABSENT] * len(dataset) if cache else None

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """Input and label of one item; the label is ``ABSENT`` where the item has none."""
        item = self._item(index)
        if isinstance(item, tuple | list):
            if len(item) == 2:
                return item[0], item[1]
            if len(item) == 1:
                return item[0], ABSENT
            raise ConfigurationError(
                f"items must be (x, y), x alone, or a dict; item {index} is a "
                f"{type(item).__name__} of {len(item)}. Wrap the dataset so that x holds all of "
                "the input."
            )
        if isinstance(item, Mapping):
            return self._split(item)
        return item, ABSENT

    def _item(self, index: int) -> Any:
        if self._cache is None:
            return self.dataset[index]
        item = self._cache[index]
        if item is ABSENT:
            item = self._cache[index] = self.dataset[index]
        return item

    def _split(self, item: Mapping[str, Any]) -> tuple[dict[str, Any], Any]:
        key = self.label_key
        if key is None:
            return dict(item), ABSENT
        if key not in item:
            raise LabelError(
                f"dict items need their label under the key {key!r}; this one has "
                f"{', '.join(map(repr, item))}. Give label_key=, or label_key=None if none of "
                "these is a label."
            )
        return {name: value for name, value in item.items() if name != key}, item[key]

    def join(self, x: Any, label: Any) -> Any:
        """An input and its label in the form of the items: a pair, or a dict."""
        return {**x, self.label_key or "label": label} if isinstance(x, dict) else (x, label)

    @property
    def cache_nbytes(self) -> int:
        """Bytes that the cache takes when it is full, estimated from the first item; or 0."""
        return 0 if self._cache is None else _nbytes(self._item(0)) * len(self)


def label_kind(label: Any) -> str:
    """What a label is, as one word, so that labels of one pool can be compared.

    Raises:
        LabelError: None or NaN, which are no labels.
    """
    if label is None or label is ABSENT:
        raise LabelError("None is no label; leave the sample unannotated instead.")
    if np.ndim(label) > 0:
        return f"array of shape {tuple(np.shape(label))}"
    if isinstance(label, str):
        return "str"
    value = label.item() if isinstance(label, Tensor | np.generic | np.ndarray) else label
    if isinstance(value, float) and value != value:
        raise LabelError("NaN is no label; leave the sample unannotated instead.")
    return "int" if isinstance(value, bool | int) else type(value).__name__


def _nbytes(item: Any) -> int:
    if isinstance(item, Tensor | np.ndarray):
        return item.nbytes
    if isinstance(item, Mapping):
        return sum(map(_nbytes, item.values()))
    if isinstance(item, tuple | list):
        return sum(map(_nbytes, item))
    if hasattr(item, "getbands"):  # a PIL image
        return item.width * item.height * len(item.getbands())
    return sys.getsizeof(item)
