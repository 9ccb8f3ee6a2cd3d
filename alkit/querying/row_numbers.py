"""Row numbers of plain arrays: the annotated rows, and the rows to choose from."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alkit.errors import ConfigurationError, PredictionError, QuerySizeError, SampleIndexError
from alkit.pool.checks import check_query_size
from alkit.pool.query import Query
from alkit.querying.row_names import checked_names, compare, rows_of_file


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
        cls, lengths: Mapping[str, int], *, names: object, annotated: Any, candidates: Any
    ) -> RowNumbers:
        """Check the numbers of rows against each other.

        Args:
            lengths: number of rows of each array, by argument.
            names: names of all rows, or None.
            annotated, candidates: row numbers or names, or the path of a CSV file; see
                ``al.select``.
        """
        called = None if names is None else checked_names(names)
        known = _Numbers("annotated", annotated, called)
        among = None if candidates is None else _Numbers("candidates", candidates, called)
        total = len(called) if called is not None else max(lengths.values(), default=0)
        if called is None and not lengths:
            if among is None:
                raise PredictionError(
                    "select needs outputs or features to choose by: pass probabilities=, "
                    "embeddings=, scores= or prediction=. For al.Random(), candidates=range(N) is "
                    "enough."
                )
            total = max(known.largest, among.largest) + 1
        known.check(total)
        if among is not None:
            among.check(total)
        short = total - len(known.numbers)
        for name, length in lengths.items():
            if length not in (total, short):
                raise PredictionError(_lengths_differ(name, length, lengths, called, total, short))
        return cls(total, known.numbers, None if among is None else among.numbers, called)

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
                f"{size} rows were requested, but only {self.count} of candidates= are unannotated."
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

    def at(self, length: int) -> Tensor | slice:
        """Places of the candidates in an array of all rows, or of the unannotated ones alone."""
        rows = self._chosen
        if length == self.total:
            return rows
        free = torch.ones(self.total, dtype=torch.bool)
        free[self.annotated] = False
        return _slice_of((free.cumsum(0) - 1)[rows])


class _Numbers:
    """Row numbers of one argument; names are looked up, and files read."""

    def __init__(self, argument: str, rows: Any, names: list[str] | None) -> None:
        self.argument = argument
        if isinstance(rows, Query):
            compare(argument, rows, names)
        if isinstance(rows, str | os.PathLike):
            rows = rows_of_file(argument, rows, names)
        if isinstance(rows, Tensor):
            rows = rows.detach().cpu()
        elif isinstance(rows, Iterable) and not hasattr(rows, "__array__"):
            rows = [*rows]
        try:
            array = np.asarray(rows).flatten()
        except (ValueError, TypeError, RuntimeError) as error:
            raise self._refused(f"got rows of different lengths ({error})") from None
        if array.size and all(isinstance(row, str | os.PathLike) for row in array):
            array = self._found(array, names)
        if not array.size:
            array = np.empty(0, dtype=np.int64)
        if array.dtype == bool:
            raise self._refused("got booleans; numpy.flatnonzero(mask) gives the numbers")
        if array.dtype.kind not in "iu":
            shown = f"{rows!r}"[:60]
            raise self._refused(f"got {array.dtype}: {shown}")
        self.numbers = torch.from_numpy(array.astype(np.int64))

    @property
    def largest(self) -> int:
        return int(self.numbers.max()) if len(self.numbers) else -1

    def check(self, total: int) -> None:
        """Raise a SampleIndexError for rows that are out of range or repeated."""
        wrong = self.numbers[(self.numbers < 0) | (self.numbers >= total)]
        if len(wrong):
            raise SampleIndexError(
                f"{self.argument} rows run from 0 to {total - 1}, got {int(wrong[0])}. Where the "
                "arrays have the unannotated rows alone, pass names= of all rows as well."
            )
        if len(self.numbers.unique()) < len(self.numbers):
            raise SampleIndexError(f"{self.argument} rows must be distinct: a row came twice.")

    def _found(self, array: np.ndarray, names: list[str] | None) -> np.ndarray:
        if names is None:
            raise self._refused(f"got the name {array[0]!r}; pass the names of all rows, names=")
        places = {name: row for row, name in enumerate(names)}
        if len(places) < len(names):
            twice = next(name for row, name in enumerate(names) if places[name] != row)
            raise ConfigurationError(f"names must be distinct to look rows up: {twice!r} is twice.")
        missing = [str(name) for name in array if str(name) not in places]
        if missing:
            raise SampleIndexError(
                f"{self.argument}={missing[0]!r} is not among the {len(names)} names."
            )
        return np.array([places[str(name)] for name in array], dtype=np.int64)

    def _refused(self, got: str) -> SampleIndexError:
        return SampleIndexError(
            f"{self.argument} must be row numbers (integers), names out of names=, or the path of "
            f"a CSV file from Query.save; {got}."
        )


def _slice_of(rows: Tensor) -> Tensor | slice:
    together = len(rows) and int(rows[-1] - rows[0]) == len(rows) - 1
    return slice(int(rows[0]), int(rows[-1]) + 1) if together else rows


def _lengths_differ(
    name: str, length: int, lengths: Mapping[str, int], names: object, total: int, short: int
) -> str:
    others = {other: n for other, n in lengths.items() if other != name}
    others |= {} if names is None else {"names": total}
    told = ", ".join(f"{other} {n}" for other, n in others.items())
    alone = f", or {short}, those that are not annotated" if short < total else ""
    return f"{name} has {length} rows ({told}): expected {total}, one per sample{alone}."
