"""Rows of plain arrays as callers list them: numbers, names, a Query, or a file of these."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alkit.errors import ConfigurationError, SampleIndexError
from alkit.pool.query import Query
from alkit.querying.row_names import compare, rows_of_file


class RowList:
    """Row numbers of one argument; names are looked up, and files read.

    Args:
        argument: name of the argument, for messages.
        rows: row numbers or names in any form, a Query, or the path of a file of either.
        names: names of all rows, or None.

    Attributes:
        numbers: ``(M,)`` row numbers, int64, in the order of the rows.

    Raises:
        SampleIndexError: these are not rows, or names that are unknown; a file cannot be read.
        ConfigurationError: names are needed, but not distinct.
    """

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

    def check(self, total: int, names: list[str] | None = None) -> None:
        """Raise a SampleIndexError for rows that are out of range or repeated."""
        wrong = self.numbers[(self.numbers < 0) | (self.numbers >= total)]
        if len(wrong):
            raise SampleIndexError(
                f"{self.argument} rows run from 0 to {total - 1}, got {int(wrong[0])}. Where the "
                "arrays have the unannotated rows alone, pass names= of all rows as well."
            )
        values, counts = self.numbers.unique(return_counts=True)
        again = values[counts > 1]
        if len(again):
            first = int(again[0])
            named = "" if names is None else f" ({names[first]!r})"
            more = "" if len(again) == 1 else f", and {len(again) - 1} others"
            raise SampleIndexError(
                f"{self.argument} rows must be distinct: row {first}{named} is given more than "
                f"once{more}."
            )

    def _found(self, array: np.ndarray, names: list[str] | None) -> np.ndarray:
        wanted = list(map(str, array))
        if not names:
            raise self._refused(f"got the name {wanted[0]!r}; pass the names of all rows, names=")
        places = {name: row for row, name in enumerate(names)}
        if len(places) < len(names):
            twice = next(name for row, name in enumerate(names) if places[name] != row)
            raise ConfigurationError(f"names must be distinct to look rows up: {twice!r} is twice.")
        missing = [name for name in wanted if name not in places]
        if missing:
            first, more = missing[0], len(missing) - 1
            those = f"{first!r} is" if not more else f"{first!r} and {more} more are"
            file = os.path.basename(first)  # an absolute path, where the names are relative?
            like = next((name for name in names if os.path.basename(name) == file), names[0])
            raise SampleIndexError(
                f"{self.argument}: {those} not among the {len(names)} names, such as {like!r}."
            )
        return np.array([places[name] for name in wanted], dtype=np.int64)

    def _refused(self, got: str) -> SampleIndexError:
        return SampleIndexError(
            f"{self.argument} must be row numbers (integers), names out of names=, or the path of "
            f"a file of these, as from Query.save; {got}."
        )
