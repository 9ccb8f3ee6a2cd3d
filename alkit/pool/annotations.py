"""State of a pool: annotated samples, their rounds, and labels from outside the dataset."""

from __future__ import annotations

import operator
from numbers import Integral
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from alkit.errors import (
    AnnotationError,
    ConfigurationError,
    QuerySizeError,
    SampleIndexError,
)
from alkit.pool.labels import ABSENT, Describe, sample_named
from alkit.seeds import fresh_seed

Indices = ArrayLike | Tensor  # dataset indices: list, array, tensor, Query; or names
OUTSIDE = -2  # round of a sample that is not of the pool


class Annotations:
    """State of a pool of N samples: indices and labels, but no data.

    Round -1 means unannotated, -2 not of the pool. Memory: 4 bytes per sample. Cost: O(N) per
    change, O(1) per look-up.

    Args:
        length: N.
        among: dataset indices of the samples of the pool. Default: all.
        describe: a sample, as errors name it.
    """

    def __init__(
        self, length: int, among: Indices | None = None, describe: Describe = sample_named
    ) -> None:
        self.rounds = np.full(length, -1, dtype=np.int32)
        self.describe = describe
        if among is not None:
            try:
                inside = self.check(among)
            except SampleIndexError as error:
                raise SampleIndexError(f"among: {error}") from None
            if not len(inside):
                raise ConfigurationError("among needs at least one dataset index, got none.")
            self.rounds[:] = OUTSIDE
            self.rounds[inside] = -1
        self.labels: dict[int, Any] = {}  # only labels from outside the dataset
        self._undo: list[tuple[np.ndarray, np.ndarray, list[Any]]] = []
        self._refresh()

    def __len__(self) -> int:
        return len(self.rounds)

    def _refresh(self) -> None:
        self.annotated = np.flatnonzero(self.rounds >= 0)
        self.unannotated = np.flatnonzero(self.rounds == -1)
        for ids in (self.annotated, self.unannotated):
            ids.setflags(write=False)  # views share them

    def is_annotated(self, index: int) -> bool:
        return self.rounds.item(index) >= 0

    @property
    def inside(self) -> np.ndarray:
        """Dataset indices of the samples of the pool, ascending."""
        return np.flatnonzero(self.rounds > OUTSIDE)

    @property
    def next_round(self) -> int:
        return int(self.rounds.max()) + 1

    def change(self, ids: np.ndarray, rounds: ArrayLike, labels: list[Any] | None) -> None:
        """Set the round (one, or one each) and the outside labels of samples; can be undone."""
        if not len(ids):
            return
        keys = ids.tolist()
        before = [self.labels.get(index, ABSENT) for index in keys]
        self._undo.append((ids.copy(), self.rounds[ids], before))
        self.rounds[ids] = rounds
        if labels is not None:
            self.labels.update(zip(keys, labels, strict=True))
        self._refresh()

    def undo(self) -> np.ndarray:
        """Undo the last change, and return the indices that it affected."""
        if not self._undo:
            raise AnnotationError("there is nothing to undo.")
        ids, rounds, labels = self._undo.pop()
        self.rounds[ids] = rounds
        for index, label in zip(ids.tolist(), labels, strict=True):
            if label is ABSENT:
                self.labels.pop(index, None)
            else:
                self.labels[index] = label
        self._refresh()
        return ids

    def check(
        self,
        indices: Indices,
        *,
        annotated: bool | None = None,
        describe: Describe | None = None,
    ) -> np.ndarray:
        """Checked int64 dataset indices: distinct, in range, all (un)annotated if required."""
        describe = self.describe if describe is None else describe
        if isinstance(indices, Tensor):
            indices = indices.detach().cpu().numpy()
        try:
            ids = np.asarray(indices)
        except ValueError as error:  # rows of different lengths
            raise SampleIndexError(f"expected a list of integer dataset indices: {error}") from None
        if ids.size == 0:
            return np.empty(0, dtype=np.int64)
        if ids.dtype == bool:
            raise SampleIndexError(
                "expected dataset indices, got booleans; numpy.flatnonzero(mask) gives the indices."
            )
        if not np.issubdtype(ids.dtype, np.integer) or ids.ndim != 1:
            raise SampleIndexError(
                f"expected a list of integer dataset indices, got {ids.dtype} of shape {ids.shape}."
            )
        outside = ids[(ids < 0) | (ids >= len(self))]
        if outside.size:
            raise SampleIndexError(
                f"dataset indices run from 0 to {len(self) - 1}, got {outside[0]}."
            )
        ids = ids.astype(np.int64)
        values, counts = np.unique(ids, return_counts=True)
        if len(values) < len(ids):
            twice = describe(values[counts > 1].item(0))
            raise SampleIndexError(f"{twice} is given more than once.")
        if annotated is not None:
            wrong = ids[(self.rounds[ids] < 0) if annotated else (self.rounds[ids] != -1)]
            if wrong.size:
                raise self.wrong_side(wrong.item(0), describe)
        return ids

    def check_one(self, index: Any) -> int:
        """One dataset index as an int, or a SampleIndexError."""
        try:
            index = operator.index(index)
        except TypeError:
            raise SampleIndexError(f"expected one dataset index, got {index!r}.") from None
        if not 0 <= index < len(self):
            raise SampleIndexError(f"dataset indices run from 0 to {len(self) - 1}, got {index}.")
        return index

    def wrong_side(self, index: int, describe: Describe) -> AnnotationError:
        """The error for a sample that is annotated, unannotated or outside where it must not be."""
        state = {
            -1: "is not annotated yet; use annotate.",
            OUTSIDE: "is not of this pool, which has only the samples of among=.",
        }
        annotated = "is annotated already; use relabel to change its label."
        return AnnotationError(f"{describe(index)} {state.get(self.rounds.item(index), annotated)}")

    def draw(self, n: object, seed: object) -> np.ndarray:
        """Draw ``n`` unannotated samples uniformly."""
        n = check_query_size(n, len(self.unannotated))
        return check_generator(seed).choice(self.unannotated, size=n, replace=False)

    def state_dict(self) -> dict[str, Any]:
        return {
            "length": len(self),
            "annotated": self.annotated.tolist(),
            "rounds": self.rounds[self.annotated].tolist(),
            "labels": [[index, label] for index, label in self.labels.items()],
        }

    def restore(self, ids: np.ndarray, rounds: list[int], labels: dict[int, Any]) -> None:
        """Replace all annotations; earlier changes can no longer be undone."""
        self.rounds[self.rounds > OUTSIDE] = -1
        self.rounds[ids] = rounds
        self.labels = labels
        self._undo.clear()
        self._refresh()


def check_round(round: object) -> int:
    """Return ``round`` as an int of 0 or more that fits its 4 bytes, or raise an error."""
    if not is_whole(round) or not 0 <= round < 2**31 - 1:
        raise ConfigurationError(f"a round must be a whole number of at least 0, got {round!r}.")
    return int(round)


def check_query_size(n: object, left: int) -> int:
    """Return ``n`` as an int from 1 to the number of unannotated samples, or raise an error."""
    if not is_whole(n):
        raise QuerySizeError(f"expected a whole number of samples to query, got {n!r}.")
    if n < 1:
        raise QuerySizeError(f"expected at least 1 sample to query, got {n}.")
    if n > left:
        raise QuerySizeError(f"{n} samples were requested, but only {left} are unannotated.")
    return int(n)


def check_generator(seed: object) -> np.random.Generator:
    """Return a generator, that of ``seed`` or itself, or raise an error."""
    if isinstance(seed, bool):
        seed = str(seed)
    try:
        return np.random.default_rng(fresh_seed() if seed is None else seed)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise ConfigurationError(
            f"seed must be a whole number of at least 0 or a numpy Generator, got {seed!r}."
        ) from None


def is_whole(number: object) -> TypeGuard[int]:
    return isinstance(number, Integral) and not isinstance(number, bool)
