"""Features that do not change with training, kept for all pools of a dataset."""

from __future__ import annotations

import pickle
import threading
import weakref
from collections.abc import Callable, Hashable
from contextlib import suppress
from hashlib import blake2b
from types import FunctionType
from typing import Any

import numpy as np
import torch
from torch import Tensor

MOST = 8  # spaces; the one that was not used for the longest time goes first


class Kept:
    """Rows of the spaces of a dataset that do not change with training; see ``Fixed``.

    All pools of one dataset object in a process share them, as the strategies of a comparison do.
    They are computed once, and kept in memory until the dataset is deleted or ``clear`` is called:
    those of at most 8 spaces. Each use reads 16 samples; if one has changed, all rows are computed
    again. After a change of other samples alone, call ``clear``. A copy, or one in another process,
    starts empty.
    """

    def __init__(self) -> None:
        self._rows: dict[Hashable, tuple[np.ndarray, Tensor, Hashable]] = {}
        self._lock = threading.RLock()

    def rows(
        self,
        key: Hashable,
        make: Callable[[], tuple[np.ndarray, Tensor]],
        wanted: np.ndarray | None = None,
        content: Callable[[], Hashable] = lambda: None,
    ) -> tuple[np.ndarray, Tensor]:
        """Ids ``(M,)`` of samples, ascending, and their rows ``(M, D)``; made if they are not here.

        Args:
            key: all that determines the rows.
            make: function that makes the ids and the rows.
            wanted: ids that are wanted. If one is missing, all are made again.
            content: function that reads some samples. If what it returns has changed, all rows are
                made again, unless it returns something else each time.
        """
        with self._lock:
            found, now = self._rows.pop(key, None), content()
            if found is not None and (
                (wanted is not None and not np.isin(wanted, found[0]).all())
                or (found[2] != now and now == content())
            ):
                found = None
            if found is None:
                found = (*make(), now)
            self._rows[key] = found
            for old in [*self._rows][:-MOST]:
                del self._rows[old]
            return found[:2]

    def clear(self) -> None:
        """Delete all rows; they are computed again when they are needed."""
        with self._lock:
            self._rows.clear()

    def forget(self, key: Hashable) -> None:
        """Delete the rows of one key, if there are any."""
        with self._lock:
            self._rows.pop(key, None)

    @property
    def nbytes(self) -> int:
        """Bytes of all rows."""
        return sum(rows.nbytes for _, rows, _ in self._rows.values())

    def __len__(self) -> int:
        return len(self._rows)

    def __bool__(self) -> bool:
        return True

    def __reduce__(self) -> Any:
        return Kept, ()

    def __repr__(self) -> str:
        return f"Kept({len(self)} spaces, {self.nbytes / 1e6:.1f} MB)"


class Same:
    """An object as a part of a key, alive as long as the key.

    Equal to itself, and to an object that is pickled alike: one that a factory makes for each
    trial, or a copy in a worker.
    """

    def __init__(self, held: object) -> None:
        self.held = held

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Same) or type(other.held) is not type(self.held):
            return False
        if other.held is self.held:
            return True
        ours = pickled(self.held)
        return ours is not None and ours == pickled(other.held)

    def __hash__(self) -> int:
        return hash((Same, type(self.held)))


def pickled(held: object) -> bytes | None:
    """Hash of all that pickling keeps of an object; None if it cannot be pickled.

    A function within a function counts by its code and the variables around it.
    """
    stream = _Hashed()
    try:
        _Pickler(stream, pickle.HIGHEST_PROTOCOL).dump(held)
    except Exception:  # locks, and all that the user's classes raise
        return None
    return stream.digest.digest()


class _Pickler(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, Tensor) and value.layout == torch.strided:  # torch adds addresses
            flat = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
            return bytes, (f"{type(value)} {value.dtype} {value.shape}", flat.numpy())
        if isinstance(value, FunctionType) and "<" in value.__qualname__:
            cells = [cell.cell_contents for cell in value.__closure__ or ()]
            own = id(value.__code__), id(value.__globals__), value.__defaults__, vars(value)
            return bytes, (*own, value.__kwdefaults__, cells)
        return NotImplemented


class _Hashed:
    """File that keeps a hash of what is written alone."""

    def __init__(self) -> None:
        self.digest = blake2b(digest_size=16)

    def write(self, content: Any) -> None:
        self.digest.update(content)


_OF_DATASETS: dict[int, Kept] = {}


def kept_of(dataset: object) -> Kept:
    """The features that are kept for a dataset: one object for all its pools.

    A dataset that cannot be referred to weakly, as a list, has a new one for each pool.
    """
    known = _OF_DATASETS.get(id(dataset))
    if known is not None:
        return known
    kept = Kept()
    with suppress(TypeError):
        weakref.finalize(dataset, _OF_DATASETS.pop, id(dataset), None).atexit = False
        return _OF_DATASETS.setdefault(id(dataset), kept)
    return kept
