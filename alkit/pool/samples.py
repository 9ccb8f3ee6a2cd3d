"""Access to the items of a dataset: input and label separately, optionally cached."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, TensorDataset

from alkit.errors import ConfigurationError, LabelError
from alkit.pool.collating import collated, with_labels
from alkit.pool.items import Items
from alkit.pool.labels import ABSENT
from alkit.pool.names import Names
from alkit.pool.sources import check_dataset

Transform = Callable[[Any], Any]


def check_transform(**transforms: object) -> None:
    """Raise a ConfigurationError for a transform that is not a function."""
    for name, transform in transforms.items():
        if transform is not None and not callable(transform):
            raise ConfigurationError(f"{name} must be a function of an input, got {transform!r}.")


class OwnLabels(Protocol):
    """Check of the labels of a dataset; see ``Labeling``."""

    def of(self, index: int, own: object) -> object: ...

    def allows(self, labels: Tensor) -> bool: ...


class Samples:
    """Items of a map-style dataset as ``(input, label)``, whatever their form.

    An item is ``(x, y)``, ``(x,)``, ``x`` alone, or a dict with its label under ``label_key`` (its
    input is the dict without the label; ``input_key``, if given, must be in it). Reading an item
    costs O(1); nothing is copied. With ``cache``, an item is kept once it was read, and each reader
    gets a copy.
    """

    def __init__(
        self, dataset: Any, *, cache: bool, label_key: str | None, input_key: str | None = None
    ) -> None:
        check_dataset(dataset, "A pool")
        self.items = Items(dataset)
        self.label_key = label_key
        self.input_key = input_key
        self._pairs = False  # whether items are (x, y), where x may be a dict too
        self._cache: dict[int, tuple[Any, Any]] | None = {} if cache else None

    def __len__(self) -> int:
        return self.items.length

    @property
    def dataset(self) -> Any:
        """The dataset of the items."""
        return self.items.dataset

    def named(self, names: object) -> Names:
        """Names of the samples, which errors use from then on."""
        checked = Names(names, len(self))
        self.items.describe = checked.describe
        return checked

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """Input and label of one item; the label is ``ABSENT`` if the item has none."""
        return self._lent(*self._item(index))

    def several(self, indices: list[int]) -> list[tuple[Any, Any]]:
        """Input and label of several items, each as ``samples[index]`` has it, in one read."""
        return [self._lent(*pair) for pair in self._items(indices)]

    def _lent(self, x: Any, label: Any) -> tuple[Any, Any]:
        if self._cache is None:
            return x, label
        return copy.deepcopy(x), self._own(label)  # a transform may change its input in place

    def _own(self, label: Any) -> Any:
        """A copy of cached boxes or of a cached array, which a training may change in place."""
        several = issubclass(type(label), (Mapping, list, Tensor, np.ndarray))  # type only: unpaid
        copied = several and self._cache is not None and getattr(label, "ndim", 1)
        return copy.deepcopy(label) if copied else label

    def _item(self, index: int) -> tuple[Any, Any]:
        """Read one item, through the cache if there is one."""
        if self._cache is None:
            return self._split(index, self.items.one(index))
        if index not in self._cache:
            self._cache[index] = self._split(index, self.items.one(index))
        return self._cache[index]

    def _items(self, indices: list[int]) -> list[tuple[Any, Any]]:
        """Read several items, in one call if the dataset supports it, as loaders do."""
        if not self.items.at_once:
            return [self._item(index) for index in indices]
        if self._cache is None:
            return self._at_once(indices)
        new = [index for index in dict.fromkeys(indices) if index not in self._cache]
        self._cache.update(zip(new, self._at_once(new) if new else (), strict=True))
        return [self._cache[index] for index in indices]

    def _at_once(self, indices: list[int]) -> list[tuple[Any, Any]]:
        return [*map(self._split, indices, self.items.several(indices))]

    def __getstate__(self) -> dict[str, Any]:
        """State without cached items: a copy, or a worker of a loader, starts its own cache."""
        return {**self.__dict__, "_cache": None if self._cache is None else {}}

    def _split(self, index: int, item: object) -> tuple[Any, Any]:
        self._check_input(index, item)
        if isinstance(item, (tuple, list)):
            if len(item) == 2:
                self._pairs = True
                return item[0], ABSENT if item[1] is None else item[1]
            if len(item) == 1:
                return item[0], ABSENT
            raise ConfigurationError(
                f"items must be (x, y), x alone, or a dict; item {index} is a "
                f"{type(item).__name__} of {len(item)}. Wrap the dataset so that x holds the "
                "whole input."
            )
        return self._split_dict(item) if isinstance(item, Mapping) else (item, ABSENT)

    def _check_input(self, index: int, item: object) -> None:
        """Raise a ConfigurationError if a declared input key is not in an item."""
        if self.input_key is None or (isinstance(item, Mapping) and self.input_key in item):
            return
        keys = f" with {', '.join(map(repr, item))}" if isinstance(item, Mapping) else ""
        raise ConfigurationError(
            f"input_key={self.input_key!r} names the input in dict items, but item {index} is a "
            f"{type(item).__name__}{keys}."
        )

    def _split_dict(self, item: Mapping[str, Any]) -> tuple[dict[str, Any], Any]:
        key = self.label_key
        if key is None:
            return dict(item), ABSENT
        if key not in item:
            raise LabelError(
                f"dict items need their label under the key {key!r}; this one has "
                f"{', '.join(map(repr, item))}. Pass label_key=, or label_key=None if none of "
                "these is a label."
            )
        x = {name: value for name, value in item.items() if name != key}
        return x, ABSENT if item[key] is None else item[key]

    def stacked(self, indices: np.ndarray, labels: OwnLabels | None = None) -> object:
        """Batch of inputs as a loader would collate it, in one read; with labels if they are given.

        None if the items must be read one by one.
        """
        if type(self.dataset) is not TensorDataset or len(self.dataset.tensors) > 2:
            return self._collated(indices, labels)
        if not all(tensor.is_contiguous() for tensor in self.dataset.tensors):
            return None  # single items would be collated in another memory layout
        rows = torch.from_numpy(indices)
        tensors = self.dataset.tensors[: 1 if labels is None else 2]
        read = [tensor[rows.to(tensor.device)] for tensor in tensors]
        if labels is None:
            return read[0]
        return read if len(read) == 2 and labels.allows(read[1]) else None

    def _collated(self, indices: np.ndarray, labels: OwnLabels | None) -> object:
        ids = indices.tolist()
        items = self._items(ids)
        if labels is None:
            return collated([x for x, _ in items])
        pairs = zip(ids, items, strict=True)
        joined = [self.join(x, labels.of(index, self._own(own))) for index, (x, own) in pairs]
        return with_labels(joined, self.label_key)

    def join(self, x: object, label: object) -> object:
        """Combine input and label in the form of the items: a pair, or a dict."""
        if isinstance(x, dict) and not self._pairs:
            return {**x, self.label_key or "label": label}
        return x, label

    @property
    def cache_nbytes(self) -> int:
        """Size of a full cache in bytes, estimated from the first input; 0 without a cache."""
        return 0 if self._cache is None else _nbytes(self[0][0]) * len(self)


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


class PoolView(Dataset):
    """Some samples of a pool in a fixed order, read on access; ``indices`` are dataset indices.

    ``stacked(positions)`` is the batch that a loader would collate, if one read suffices.
    """

    def __init__(
        self,
        indices: np.ndarray,
        read: Callable[[int], Any],
        read_several: Callable[[np.ndarray], list[Any]],
        stack: Callable[[np.ndarray], Any],
    ) -> None:
        self.indices = indices
        self._read = read
        self._read_several = read_several
        self._stack = stack

    @property
    def reader(self) -> object:
        """The reader of the pool that the samples are of."""
        return getattr(getattr(self._read, "func", self._read), "__self__", None)

    @property
    def label_key(self) -> str | None:
        """The key of the label in dict items."""
        samples: Samples | None = getattr(self.reader, "_samples", None)
        return None if samples is None else samples.label_key

    @property
    def sent(self) -> dict[str, Any]:
        """Parts of the user that a worker gets: the dataset and the transform."""
        samples: Samples | None = getattr(self.reader, "_samples", None)
        dataset = {} if samples is None else {"dataset": samples.items.__getstate__()["dataset"]}
        return {**dataset, "transform": getattr(self._read, "args", (None,))[0]}

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, position: int) -> Any:
        return self._read(self.indices.item(position))

    def __getitems__(self, positions: list[int]) -> list[Any]:
        return self._read_several(self.indices[positions])

    def stacked(self, positions: list[int]) -> object | None:
        return self._stack(self.indices[positions])
