"""Names of samples, by which people and files refer to them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Set, Sized
from functools import cached_property
from typing import Any

import numpy as np
from torch import Tensor

from alkit.errors import AnnotationError, ConfigurationError, SampleIndexError, close
from alkit.pool.labels import sample_named
from alkit.pool.query import Query


class Names:
    """The names of N samples, or none. Spaces around a name do not count.

    Args:
        names: ``(N,)`` texts or paths, or None.
        length: N.

    Raises:
        ConfigurationError: anything else.
    """

    def __init__(self, names: object, length: int) -> None:
        self.texts = None if names is None else _texts(names, length)
        self._length = length

    def __getitem__(self, index: int) -> str:
        return "" if self.texts is None else self.texts[index].strip()

    def describe(self, index: int) -> str:
        """A sample, as errors name it: ``sample 3 ('img_3.png')``."""
        known = self.texts is not None and 0 <= index < len(self.texts)
        return sample_named(index) + (f" ({self[index]!r})" if known else "")

    def index(self, name: str) -> int:
        """The dataset index of a sample. Cost: O(N) at first, then O(1).

        Raises:
            SampleIndexError: no sample has this name, or several have it.
        """
        if self.texts is None:
            raise SampleIndexError(
                f"got the name {name!r}, but the samples of this pool have no names: pass names= "
                "to the pool, or use dataset indices."
            )
        index = self._places.get(name.strip())
        if index is None:
            near = close(name, self.texts) if len(self.texts) <= 10_000 else []
            more = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
            raise SampleIndexError(f"no sample of the pool has the name {name!r}.{more}")
        if index < 0:
            raise SampleIndexError(
                f"several samples of the pool have the name {name!r}; use dataset indices."
            )
        return index

    def place(self, key: str) -> int | None:
        """Dataset index of a sample by its name, or by its index as text; None if it has none."""
        if self.texts is not None:
            return self._places.get(key.strip())
        return int(key) if key.isdecimal() and int(key) < self._length else None

    def check_unique(self) -> None:
        """Raise a ConfigurationError if names are empty or not distinct; none are fine."""
        for name, index in self._places.items():
            if index < 0 or not name:
                wrong = f"several samples have the name {name!r}" if name else "a name is empty"
                raise ConfigurationError(
                    f"a ledger finds samples by name, and {wrong}: use relative paths as names."
                )

    @cached_property
    def _places(self) -> dict[str, int]:
        """Index by name; -1 for a name that several samples have."""
        places: dict[str, int] = {}
        for index in range(len(self.texts or ())):
            name = self[index]
            places[name] = -1 if name in places else index
        return places

    def indices(self, given: Any) -> Any:
        """Dataset indices of a list of names; anything else is returned unchanged.

        Raises:
            SampleIndexError: a name is unknown or not unique, or is listed among indices.
            AnnotationError: a Query has other names than the samples.
        """
        if isinstance(given, Query):
            self._compare(given)
            return given
        if isinstance(given, Tensor) or not isinstance(given, Iterable) or not _are_texts(given):
            return given
        names = list(given)
        wrong = [name for name in names if not isinstance(name, str | os.PathLike)]
        if wrong:
            raise SampleIndexError(
                f"expected names or dataset indices, got both: {names[0]!r} and {wrong[0]!r}."
            )
        return np.array([self.index(os.fspath(name)) for name in names], dtype=np.int64)

    def _compare(self, query: Query) -> None:
        if self.texts is None or query.names is None:
            return
        for index, name in zip(query, query.names):
            if 0 <= index < len(self.texts) and str(name).strip() != self[index]:
                raise AnnotationError(
                    f"the query is of another dataset or order of its samples: it has sample "
                    f"{index} as {str(name)!r}, and the pool as {self[index]!r}."
                )


def _are_texts(given: Iterable[Any]) -> bool:
    if isinstance(given, np.ndarray) and given.dtype.kind != "O":
        return given.dtype.kind == "U" and given.ndim == 1
    if isinstance(given, str | bytes | Mapping | Set) or not isinstance(given, Sized):
        return False
    return isinstance(next(iter(given), None), str | os.PathLike)


def _texts(names: Any, length: int) -> list[str]:
    if isinstance(names, str | bytes | Mapping | Set) or not isinstance(names, Iterable):
        raise ConfigurationError(
            f"names must be a list of {length} names, one per sample, got {names!r}."
        )
    given = names.tolist() if isinstance(names, np.ndarray) else names
    # str first: a check for paths is slow
    texts = [name if isinstance(name, str) else _path(name) for name in given]
    if len(texts) != length:
        raise ConfigurationError(f"expected {length} names, got {len(texts)}.")
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise ConfigurationError(
                f"names must be texts, got {text!r} for sample {index}; use str(...) for numbers."
            )
    return texts


def _path(name: Any) -> Any:
    return os.fspath(name) if isinstance(name, os.PathLike) else name
