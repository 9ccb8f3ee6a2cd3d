"""Handles that a dataset opens when it is read, such as that of an HDF5 file, one per process.

A pool reads samples before the workers of a loader start, unlike torch alone. A dataset that opens
its file at the first read has it open by then, and a worker must not get that handle.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator
from contextlib import suppress
from copy import copy
from multiprocessing.reduction import ForkingPickler
from pickle import PicklingError
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.data import Dataset

PLAIN = (type(None), bool, int, float, complex, str, bytes, np.ndarray, Tensor)

forks: list[int] = []  # processes between the first one and this one; it is read for each item
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=lambda: forks.append(os.getpid()))

_inherited: list[object] = []  # handles of the parent, which a worker must neither use nor close


class Handles:
    """Attributes of a dataset that were opened since its first pool was made.

    These are the attributes, also those of datasets inside it, that were None, empty or missing at
    first and now hold a memmap, or an object that can neither be pickled nor called. Functions are
    excluded, since a transform would be lost silently.

    Attributes:
        forks: number of ``forks`` at the last ``renew``; another number is that of a new process.

    Args:
        dataset: the dataset, as it is when the pool is made.
    """

    def __init__(self, dataset: object) -> None:
        self.forks = len(forks)
        self._parts = [(part, _first_of(part)) for part in _inside(dataset)]

    def renew(self) -> None:
        """In a new process, set the opened attributes back to what they were at first."""
        self.forks = len(forks)
        for part, first in self._parts:
            for name in first.opened(part):
                _inherited.append(vars(part)[name])
                first.close(name, vars(part))

    def without(self, dataset: Any) -> Any:
        """Return the dataset, or a part of it, for pickling: a shallow copy if something is open.

        A class with its own ``__getstate__`` or ``__reduce__`` decides itself.
        """
        first = next((first for part, first in self._parts if part is dataset), None)
        if first is None or not _pickled_by_attributes(type(dataset)):
            return dataset
        values = {name: self._closed(value) for name, value in vars(dataset).items()}
        opened = first.opened(dataset)
        if not opened and all(values[name] is value for name, value in vars(dataset).items()):
            return dataset
        closed = copy(dataset)
        vars(closed).update(values)
        for name in opened:
            first.close(name, vars(closed))
        return closed

    def _closed(self, value: Any) -> Any:
        if isinstance(value, Dataset):
            return self.without(value)
        if type(value) not in (list, tuple) or not any(isinstance(v, Dataset) for v in value):
            return value
        parts = [self._closed(part) for part in value]
        return value if all(a is b for a, b in zip(parts, value)) else type(value)(parts)


class _First:
    """Names of the attributes that a dataset has at first, and the types of the empty ones."""

    def __init__(self, dataset: Any) -> None:
        now = vars(dataset).items()
        self._empty = {name: type(value) for name, value in now if _is_empty(value)}
        self._held = frozenset(name for name, value in now if not _is_empty(value))

    def opened(self, dataset: Any) -> list[str]:
        """Names of the attributes that were opened since."""
        new = vars(dataset).keys() - self._held
        return [name for name in new if _is_handle(vars(dataset)[name])]

    def close(self, name: str, attributes: dict[str, Any]) -> None:
        """Set an attribute back to what it was at first."""
        if name in self._empty:
            attributes[name] = self._empty[name]()  # NoneType() is None
        else:
            del attributes[name]


_OF_DATASETS: dict[int, _First] = {}


def _first_of(dataset: Any) -> _First:
    """Attributes of a dataset at its first pool, or now if it allows no weak references."""
    known = _OF_DATASETS.get(id(dataset))
    if known is None:
        known = _First(dataset)
        with suppress(TypeError):
            weakref.finalize(dataset, _OF_DATASETS.pop, id(dataset), None).atexit = False
            _OF_DATASETS[id(dataset)] = known
    return known


def _inside(dataset: Any) -> Iterator[Any]:
    """Yield a dataset, and those inside it such as that of a Subset, if they have attributes."""
    for value in getattr(dataset, "__dict__", {}).values():
        for part in value if type(value) in (list, tuple) else (value,):
            if isinstance(part, Dataset):
                yield from _inside(part)
    if hasattr(dataset, "__dict__"):
        yield dataset


def _is_empty(value: Any) -> bool:
    return value is None or (type(value) in (dict, list, set) and not value)


def _is_handle(value: Any) -> bool:
    if isinstance(value, np.memmap):
        return True  # it would be pickled with its data
    if isinstance(value, PLAIN) or callable(value):
        return False
    try:
        ForkingPickler(Nowhere()).dump(value)
    except (TypeError, AttributeError, PicklingError):
        return True
    except Exception:  # such as a lock of multiprocessing, which is for workers
        return False
    return False


def _pickled_by_attributes(cls: type) -> bool:
    return (cls.__reduce_ex__, cls.__reduce__, cls.__getstate__) == (
        object.__reduce_ex__,
        object.__reduce__,
        object.__getstate__,
    )


class Nowhere:
    """File that discards what is written."""

    def write(self, content: Any) -> int:
        return len(memoryview(content))
