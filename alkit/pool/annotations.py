"""State of a pool: annotated samples, their rounds, and labels from outside the dataset."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from alkit.errors import AnnotationError, ConfigurationError, SampleIndexError
from alkit.pool.checks import check_generator, check_query_size
from alkit.pool.labels import ABSENT, Describe, plain, sample_named

Indices = ArrayLike | Tensor  # dataset indices: list, array, tensor, Query; or names
OUTSIDE = -2  # round of a sample that is not of the pool
EXCLUDED = -3  # round of a sample that is left out for a reason


class Annotations:
    """State of a pool of N samples: indices and labels, but no data.

    Round -1 means unannotated, -2 not of the pool, -3 excluded. Memory: 4 bytes per sample. Cost:
    O(N) per change, O(1) per look-up.

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
        self.read: dict[int, Any] = {}  # labels of the dataset that were read; None for arrays
        self.reasons: dict[int, str] = {}  # each of an excluded sample
        self._undo: list[tuple[np.ndarray, np.ndarray, list[Any], list[Any]]] = []
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
        """Dataset indices of the samples of the pool that are not excluded, ascending."""
        return np.flatnonzero(self.rounds > OUTSIDE)

    def note(self, index: int, label: object) -> None:
        """Keep a label of the dataset that was read, if it is one value; None for several."""
        if isinstance(label, Tensor | np.ndarray | np.generic):
            self.read[index] = label.item() if label.ndim == 0 else None
        elif isinstance(label, dict | list | tuple):
            self.read[index] = None
        elif isinstance(label, int | float | str):
            self.read[index] = label

    def values(self, read: Callable[[int], object]) -> Iterator[tuple[int, Any]]:
        """Yield index and label of the annotated samples; of labels that are arrays, the first.

        Args:
            read: function that returns the label of a sample; called for those that were not read.
        """
        array_seen = False
        for index in self.annotated.tolist():
            label = self.labels.get(index, self.read.get(index, ABSENT))
            if label is ABSENT:
                label = plain(read(index))
                self.note(index, label)
            if label is None or isinstance(label, list | dict):
                if array_seen:
                    continue
                array_seen, label = True, plain(read(index))
            yield index, label

    @property
    def next_round(self) -> int:
        return max(int(self.rounds.max()), -1) + 1

    def change(self, ids: np.ndarray, rounds: ArrayLike, labels: list[Any] | None) -> None:
        """Set the round (one, or one each) and the outside labels of samples; can be undone."""
        if not len(ids):
            return
        self._undo.append(self.state_of(ids))
        self.put(ids, rounds, labels)

    def exclude(self, ids: np.ndarray, reason: str | None) -> None:
        """Exclude samples for a reason, or, for None, make them unannotated; can be undone."""
        if len(ids):
            self._undo.append(self.state_of(ids))
            given = [ABSENT if reason is None else reason] * len(ids)
            self.put(ids, -1 if reason is None else EXCLUDED, [ABSENT] * len(ids), given)

    def state_of(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[Any], list[Any]]:
        """Indices, rounds, outside labels and reasons of samples, as ``put`` takes them."""
        labels, reasons = (
            [known.get(index, ABSENT) for index in ids.tolist()]
            for known in (self.labels, self.reasons)
        )
        return ids.copy(), self.rounds[ids], labels, reasons

    def put(
        self,
        ids: np.ndarray,
        rounds: ArrayLike,
        labels: list[Any] | None,
        reasons: list[Any] | None = None,
    ) -> None:
        """Set the state of samples, without undo; ABSENT removes a label or reason."""
        self.rounds[ids] = rounds
        for known, values in ((self.labels, labels), (self.reasons, reasons)):
            for index, value in zip(ids.tolist(), values or ()):
                if value is ABSENT:
                    known.pop(index, None)
                else:
                    known[index] = value
        self._refresh()

    @property
    def last_change(self) -> tuple[np.ndarray, np.ndarray, list[Any], list[Any]]:
        """State before the last change, as ``state_of`` returns it."""
        return self._undo[-1]

    def undo(self) -> np.ndarray:
        """Undo the last change, and return the indices that it affected."""
        if not self._undo:
            raise AnnotationError("there is nothing to undo.")
        before = self._undo.pop()
        self.put(*before)
        return before[0]

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
            EXCLUDED: f"is excluded ({self.reasons.get(index)}); use include to bring it back.",
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
            "excluded": [[index, reason] for index, reason in sorted(self.reasons.items())],
        }

    def restore(
        self, ids: np.ndarray, rounds: list[int], labels: dict[int, Any], excluded: dict[int, str]
    ) -> None:
        """Replace all annotations; earlier changes can no longer be undone."""
        self.rounds[self.rounds != OUTSIDE] = -1
        self.rounds[ids] = rounds
        self.rounds[list(excluded)] = EXCLUDED
        self.labels, self.reasons = labels, excluded
        self._undo.clear()
        self._refresh()
