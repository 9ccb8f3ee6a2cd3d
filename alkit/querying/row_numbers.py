"""Row numbers of plain arrays: the annotated rows, and the rows to choose from."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from alkit.errors import ConfigurationError, PredictionError, QuerySizeError
from alkit.pool.checks import check_query_size
from alkit.querying.row_list import RowList
from alkit.querying.row_names import checked_names


@dataclass(frozen=True, eq=False)
class RowNumbers:
    """Numbers of N rows.

    Attributes:
        total: N.
        annotated: ``(A,)`` the annotated rows, in the order in which they were given.
        among: ``(M,)`` the rows to choose from, or None for all.
        names: N names, or None.
    """

    total: int
    annotated: Tensor
    among: Tensor | None
    names: list[str] | None

    @classmethod
    def of(
        cls, lengths: Mapping[str, int], *, names: object, annotated: Any, among: Any
    ) -> RowNumbers:
        """Check the numbers of rows against each other.

        Args:
            lengths: number of rows of each array, by argument.
            names: names of all rows, or None.
            annotated, among: row numbers or names, or the path of a file of these; see
                ``al.select``.
        """
        called = None if names is None else checked_names(names)
        known = RowList("annotated", annotated, called)
        subset = None if among is None else RowList("among", among, called)
        total = len(called) if called is not None else max(lengths.values(), default=0)
        if called is None and not lengths:
            if subset is None:
                raise PredictionError(
                    "select needs outputs or features to choose by: pass probabilities=, "
                    "embeddings=, scores=, inputs= or prediction=. For al.Random(), among=range(N) "
                    "is enough."
                )
            total = max(known.largest, subset.largest) + 1
        known.check(total, called)
        if subset is not None:
            subset.check(total, called)
        rows = cls(total, known.numbers, None if subset is None else subset.numbers, called)
        for name, length in lengths.items():
            rows.check_length(name, length, lengths)
        return rows

    def check_length(self, name: str, length: int, lengths: Mapping[str, int]) -> None:
        """Raise a PredictionError for an array of which it is not clear what rows it has.

        Args:
            name: argument of the array.
            length: number of its rows: N, the unannotated ones alone, or the candidates alone.
            lengths: number of rows of each array, for the message.
        """
        unannotated = self.total - len(self.annotated)
        if length == self.total:
            return
        if length not in (unannotated, self.count):
            raise PredictionError(self._lengths_differ(name, length, lengths, unannotated))
        if self.among is None:
            return
        given = len(self.among)
        if length == given == unannotated != self.count:
            raise PredictionError(
                f"{name} has {length} rows: this is the number of the unannotated rows and that of "
                f"the rows of among=, {given - self.count} of them annotated. Pass {name} of all "
                f"{self.total} rows."
            )
        if length == self.count and (self.among.diff() < 0).any():
            raise PredictionError(
                f"{name} has {length} rows, one per candidate, and among= is not in ascending "
                f"order, so it is not clear which row is which: sort both, or pass {name} of all "
                f"{self.total} rows."
            )

    def size(self, n: object, total: object) -> int:
        """Number of rows to choose, given it or the total that includes the annotated rows."""
        if (n is None) == (total is None):
            raise ConfigurationError(
                "give n, the number of new rows, or total=, their number together with the "
                f"annotated rows, not both or neither; got n={n!r} and total={total!r}."
            )
        if n is None:
            n = check_query_size(total, sys.maxsize) - len(self.annotated)
            if n < 1:
                raise QuerySizeError(
                    f"total={total} includes the {len(self.annotated)} annotated rows, so nothing "
                    f"is left to choose: give at least {len(self.annotated) + 1}."
                )
        size = check_query_size(n, self.total - len(self.annotated))
        if size > self.count:
            raise QuerySizeError(
                f"{size} rows were requested, but only {self.count} of among= are unannotated."
            )
        return size

    @cached_property
    def _chosen(self) -> Tensor | slice:
        """The candidates, ascending: a slice, which copies nothing, where they are consecutive."""
        if self.among is None and not len(self.annotated):
            return slice(0, self.total)
        free = torch.ones(self.total, dtype=torch.bool)
        if self.among is not None:
            free = torch.zeros_like(free).index_fill_(0, self.among, True)
        free[self.annotated] = False
        return _slice_of(free.nonzero().flatten())

    @property
    def count(self) -> int:
        """Number of candidates."""
        rows = self._chosen
        return rows.stop - rows.start if isinstance(rows, slice) else len(rows)

    @property
    def ids(self) -> Tensor | None:
        """Row numbers of the candidates; None if they are all rows."""
        rows = self._chosen
        if not isinstance(rows, slice):
            return rows
        return None if self.count == self.total else torch.arange(rows.start, rows.stop)

    @property
    def numbers(self) -> Tensor:
        """``(M,)`` row numbers of the candidates, ascending."""
        return torch.arange(self.total) if self.ids is None else self.ids

    def held(self, length: int) -> Tensor:
        """``(length,)`` row numbers in an array of all rows, the unannotated or the candidates."""
        if length == self.total:
            return torch.arange(length)
        if length == self.count:
            return self.numbers
        free = torch.ones(self.total, dtype=torch.bool)
        free[self.annotated] = False
        return free.nonzero().flatten()

    def at(self, length: int) -> Tensor | slice:
        """Places of the candidates in an array of all rows, the unannotated or the candidates."""
        rows = self._chosen
        if length == self.total:
            return rows
        if length == self.count:
            return slice(0, length)
        free = torch.ones(self.total, dtype=torch.bool)
        free[self.annotated] = False
        return _slice_of((free.cumsum(0) - 1)[rows])

    def _lengths_differ(
        self, name: str, length: int, lengths: Mapping[str, int], unannotated: int
    ) -> str:
        others = {other: n for other, n in lengths.items() if other != name}
        others |= {} if self.names is None else {"names": self.total}
        told = ", ".join(f"{other} {n}" for other, n in others.items())
        parts = {self.count: "the candidates", unannotated: "those that are not annotated"}
        alone = "".join(f", or {n}, {what}" for n, what in parts.items() if n < self.total)
        return f"{name} has {length} rows ({told}): expected {self.total}, one per sample{alone}."


def _slice_of(rows: Tensor) -> Tensor | slice:
    together = len(rows) and int(rows[-1] - rows[0]) == len(rows) - 1
    return slice(int(rows[0]), int(rows[-1]) + 1) if together else rows
