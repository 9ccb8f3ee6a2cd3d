"""Queries that leave out the samples that cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from traceback import clear_frames
from typing import Any, Literal

import numpy as np

from alkit.errors import (
    ConfigurationError,
    QuerySizeError,
    SelectionWarning,
    UnreadableSampleError,
    warn,
)
from alkit.pool import ActiveLearningDataset, Query
from alkit.pool.corrections import without
from alkit.pool.scan import scan
from alkit.processes import exchanged, is_led

OnError = Literal["raise", "skip"]
SHOWN = 10


def check_on_error(on_error: object) -> None:
    """Raise a ConfigurationError for anything but "raise" or "skip"."""
    if on_error not in ("raise", "skip"):
        raise ConfigurationError(
            'on_error must be "raise", or "skip" to leave samples that cannot be read out of '
            f"queries, got {on_error!r}."
        )


def of_readable(
    ask: Callable[[ActiveLearningDataset], Query | None],
    pool: ActiveLearningDataset,
    known: dict[int, str],
    loader: Mapping[str, Any],
) -> Query | None:
    """Query of a pool without the samples that cannot be read, which its ``why`` names.

    It is the query that ``ask`` makes of a pool without them. Nothing is guessed: they stay
    unannotated, and the next query tries them again.

    Args:
        ask: function that makes a query of a pool.
        pool: the pool.
        known: reasons by index of the last query; these samples are read first. Replaced.
        loader: options of a DataLoader.

    Cost: one read of each pick. If a sample cannot be read that is not in ``known``, also one read
    of each unannotated sample, and a second query.

    Raises:
        QuerySizeError: too few samples can be read.
    """
    skipped = _scanned(pool, np.intersect1d([*known], pool.unannotated_indices).astype(int), loader)
    while True:
        left = without(pool, [*skipped]) if skipped else pool
        try:
            query = ask(left)
            new = {} if query is None else scan(left, query, loader)
        except QuerySizeError as error:
            _replace(known, skipped)
            if not skipped:
                raise
            raise QuerySizeError(f"{error} {_left_out(pool, skipped)}.") from error
        except UnreadableSampleError as error:
            clear_frames(error.__traceback__)  # they hold a loader and its workers
            new = _scanned(left, left.unannotated_indices, loader)
            if not new:
                raise UnreadableSampleError(
                    f'{error} This one is not left out by on_error="skip": it is annotated, in '
                    "another dataset, or can be read now."
                ) from error
        if not new:
            break
        skipped |= new
    _replace(known, skipped)
    if query is None or not skipped:
        return query
    left_out = _left_out(pool, skipped)
    warn(f"{left_out}.", SelectionWarning)
    return replace(query, why=f"{query.why}; warning: {left_out}")


def _scanned(
    pool: ActiveLearningDataset, indices: np.ndarray, loader: Mapping[str, Any]
) -> dict[int, str]:
    """Samples that cannot be read, in any of the processes that query together."""
    found = scan(pool, indices, loader)
    parts = exchanged(found, "samples that cannot be read") if is_led() else [found]
    return {index: reason for part in parts for index, reason in part.items()}


def _replace(known: dict[int, str], skipped: Mapping[int, str]) -> None:
    known.clear()
    known.update(skipped)


def _left_out(pool: ActiveLearningDataset, skipped: Mapping[int, str]) -> str:
    ids = sorted(skipped)
    named = ", ".join(map(pool._names.describe, ids[:SHOWN])) + ", ..." * (len(ids) > SHOWN)
    count = "1 sample" if len(ids) == 1 else f"{len(ids):,} samples"
    return f"{count} could not be read and had to be left out of the query: {named}"
