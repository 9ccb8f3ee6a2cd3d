"""Corrections of a pool: other labels, samples that are left out, and what others answered."""

from __future__ import annotations

from copy import copy
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from alkit.errors import AnnotationError, ConfigurationError
from alkit.pool.annotations import Annotations, Indices
from alkit.pool.book import Book
from alkit.pool.labeling import Labeling
from alkit.pool.ledger import Ledger
from alkit.pool.names import Names
from alkit.pool.query import Query
from alkit.pool.samples import Samples
from alkit.pool.taking import Taken, take

if TYPE_CHECKING:
    from alkit.pool.dataset import ActiveLearningDataset

Exclude = Indices | Query | list[Query] | tuple[Query, ...] | None  # what a query leaves out


class Corrections:
    """Changes of a pool by people: other labels, samples that are left out, files with errors."""

    _samples: Samples
    _known: Annotations
    _labels: Labeling
    _names: Names
    _book: Book

    @property
    def ledger(self) -> Ledger | None:
        """The ledger that keeps the annotations on disk; None if they are in memory alone."""
        return self._book.ledger

    @property
    def excluded(self) -> dict[int, str]:
        """Dataset index and reason of each excluded sample, ascending."""
        return dict(sorted(self._known.reasons.items()))

    def take(self, path: str | PathLike[str], *, who: str = "") -> Taken:
        """Annotate samples by the good rows of a file, and report the others by line.

            taken = pool.take("round_3.csv")
            print(taken)        # 47 annotated, 3 refused: round_3.csv, line 5: ...

        ``annotate(path)`` changes all or none; this is for a file that many hands filled in. The
        file is the same, and may have a column ``reason``: a row with a reason, such as
        ``unsure``, and no label excludes its sample. Refused are a name or id that is not of the
        pool, a label that is not of its classes or kind, another label than the pool has, and all
        rows of a sample that differ. Mend the file and take it again: rows that were taken are
        known already.

        Args:
            path: path of the file.
            who: name of who answered, for the ledger. Default: that of the ledger.

        Raises:
            LabelError: the whole file cannot be read, or lacks a column.
            LedgerError: the ledger cannot be written.
        """
        self._samples.items.check_length()
        return take(self, path, who)  # type: ignore[arg-type]

    def relabel(self, indices: Indices, labels: object) -> np.ndarray:
        """Change the labels of annotated samples, not their rounds, and return the indices."""
        self._samples.items.check_length()
        ids = self._checked(indices, annotated=True)
        labels = self._labels.given(labels, ids)
        self._known.change(ids, self._known.rounds[ids], labels)
        self._book.keep(ids, indices)
        return ids

    def undo(self) -> np.ndarray:
        """Undo the last annotation, relabeling, exclusion or inclusion; return its indices."""
        return self._book.undo()

    def exclude(self, indices: Indices, reason: str) -> np.ndarray:
        """Leave samples out for a reason, and return their indices; changes all or none.

        An excluded sample is neither annotated nor unannotated: it is not queried, trained on or
        counted. An annotated sample loses its label. ``rounds`` is -3 there.

        Args:
            indices: dataset indices, names, or a Query.
            reason: the reason, such as ``"unsure"`` or ``"broken"``.

        Raises:
            SampleIndexError: indices are out of range, not integers, or repeated.
            AnnotationError: a sample is excluded already, or not of the pool.
            ConfigurationError: the reason is not a text.
        """
        if not isinstance(reason, str) or not reason.strip():
            raise ConfigurationError(
                f"reason must be a text, such as 'unsure' or 'broken', got {reason!r}."
            )
        ids = self._checked(indices, annotated=None)
        wrong = ids[self._known.rounds[ids] < -1]
        if wrong.size:
            raise self._known.wrong_side(wrong.item(0), self._names.describe)
        self._known.exclude(ids, reason)
        self._book.keep(ids, indices)
        return ids

    def include(self, indices: Indices) -> np.ndarray:
        """Make excluded samples unannotated again, and return their indices.

        Raises:
            SampleIndexError: indices are out of range, not integers, or repeated.
            AnnotationError: a sample is not excluded.
        """
        ids = self._checked(indices, annotated=None)
        for index in ids.tolist():
            if index not in self._known.reasons:
                raise AnnotationError(f"{self._names.describe(index)} is not excluded.")
        self._known.exclude(ids, None)
        self._book.keep(ids)
        return ids

    def refresh(self) -> np.ndarray:
        """Take the answers that others have written to the ledger since; all or none.

        Returns:
            The dataset indices of the samples whose state has changed.

        Raises:
            ConfigurationError: the pool has no ledger.
            LabelError: an answer is not a label of this pool; the message names its entry.
            LedgerError: the ledger cannot be read.
        """
        return self._book.refresh()

    def _checked(self, indices: Indices, *, annotated: bool | None) -> np.ndarray:
        if annotated is not True:  # labels are read for a new pool
            self._samples.items.check_length()
        return self._known.check(self._names.indices(indices), annotated=annotated)


def without(pool: ActiveLearningDataset, exclude: Exclude) -> ActiveLearningDataset:
    """The pool with fewer candidates, for one query; it shares all else with the pool.

    Raises:
        SampleIndexError: indices are out of range, not integers, or repeated in one query.
    """
    given = [[]] if exclude is None else _queries(exclude) or [exclude]
    ids = [pool._known.check(pool._names.indices(part)) for part in given]
    left = copy(pool)
    left._known = copy(pool._known)
    left._known.unannotated = np.setdiff1d(pool._known.unannotated, np.concatenate(ids))
    return left


def validation_of(exclude: Exclude) -> list[Query]:
    """The parts of open queries that are for the validation pool."""
    return [query.validation for query in _queries(exclude) if query.validation is not None]


def _queries(exclude: Any) -> list[Query]:
    if isinstance(exclude, Query):
        return [exclude]
    several = isinstance(exclude, list | tuple) and all(isinstance(q, Query) for q in exclude)
    return list(exclude) if several else []
