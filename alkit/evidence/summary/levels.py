"""Labels needed to reach a level, and labels saved."""

from __future__ import annotations

import math
from numbers import Real

import numpy as np

from alkit.errors import ConfigurationError
from alkit.evidence.records import Records, Row
from alkit.evidence.statistics import (
    Bounds,
    improves,
    in_words,
    labels_needed,
    median_needed,
    monotone,
)
from alkit.evidence.statistics import labels_saved as saved
from alkit.evidence.summary.table import Table
from alkit.evidence.summary.trials import Trials, trials

UNKNOWN = Bounds(math.nan, math.nan, math.nan, math.nan)


def labels_to(records: Records, level: float) -> Table:
    """Labels that each strategy needed to reach a level.

    Keys: ``strategy``, ``level``, ``trials``, ``reached`` (number of trials that reached it),
    ``labels`` (the median over trials; ``inf`` if half of them or more did not reach it),
    ``labels_least`` and ``labels_most`` (bounds of the median), ``labels_low`` and ``labels_high``
    (its 95 % interval, open at ``inf``), ``each`` (labels of each trial, ``inf`` if it did not
    reach the level). On flat curves, chance decides these numbers: see ``labels_saved``.

    Raises:
        ConfigurationError: the level is not a number.
    """
    if not isinstance(level, Real):
        raise ConfigurationError(f"level must be a number, got {level!r}.")
    found = trials(records)
    rows = []
    for name in found.values:
        needed = labels_needed(found.annotated, found.curves(name), level, rising=found.rising)
        if not len(needed):
            continue
        median = median_needed(needed, found.spent)
        rows.append(
            {
                "strategy": name,
                "level": float(level),
                "trials": len(needed),
                "reached": int(np.isfinite(needed).sum()),
                "labels": median.most,
                **_columns("labels", median),
                "each": needed.tolist(),
            }
        )
    return Table(
        rows,
        {
            "strategy": lambda row: row["strategy"],
            "reached": lambda row: f"{row['reached']} of {row['trials']}",
            f"labels to {level:.3g}": lambda row: words_of(row, "labels"),
            "95 % interval": lambda row: words_of(row, "labels", "low", "high"),
        },
    )


def labels_saved(records: Records, level: float | None = None) -> Table:
    """Labels that each strategy saved relative to the reference, at the same level.

    The median that the reference needed minus the median that the strategy needed, in paired
    trials; negative if the strategy needed more. Keys: ``strategy``, ``reference``, ``level``,
    ``trials``, ``saved_least`` and ``saved_most`` (the same number if it is known; open if a level
    was not reached), ``saved_low`` and ``saved_high`` (95 %, bootstrap over trials, possibly open).

    All four are NaN, and print as "not stated", if the results of the reference are not shown to
    improve by more than their noise (``alkit.evidence.statistics.improves``): on a flat curve,
    chance decides which budget reaches a level first.

    Args:
        records: records of a comparison.
        level: the result to reach. Default: the final result that half or more of the reference's
            trials reached, on monotone curves, so a drop in the last round does not lower it.
    """
    found = trials(records)
    level = final_level(found) if level is None else float(level)
    stated = not not_stated(found)
    rows = []
    for name in found.others:
        needed = [
            labels_needed(found.annotated, values, level, rising=found.rising)
            for values in found.paired(name)
        ]
        if not len(needed[0]):
            continue
        bounds = saved(needed[0], found.spent, needed[1], found.spent) if stated else UNKNOWN
        rows.append(
            {
                "strategy": name,
                "reference": found.reference,
                "level": level,
                "trials": len(needed[0]),
                **_columns("saved", bounds),
            }
        )
    return Table(
        rows,
        {
            "strategy": lambda row: row["strategy"],
            f"labels saved at {level:.3g}": saved_words,
            "95 % interval": lambda row: words_of(row, "saved", "low", "high"),
        },
    )


def not_stated(found: Trials) -> str:
    """The reason why labels saved are not stated, in words; empty if they are."""
    if improves(found.curves(found.reference), rising=found.rising):
        return ""
    return (
        f"{found.reference}'s own results are not shown to improve by more than their noise from "
        f"{found.annotated[0]:,} to {found.spent:,} labels"
    )


def final_level(found: Trials) -> float:
    """The result that half of the reference's trials reached at the end of monotone curves."""
    ends = monotone(found.curves(found.reference), rising=found.rising)[:, -1]
    method = "lower" if found.rising else "higher"
    return float(np.quantile(ends, 0.5, method=method))


def _columns(what: str, bounds: Bounds) -> Row:
    return {f"{what}_{end}": getattr(bounds, end) for end in ("least", "most", "low", "high")}


def saved_words(row: Row) -> str:
    """Labels saved as text; "not stated" where the reference's curve is flat."""
    return "not stated" if math.isnan(row["saved_least"]) else words_of(row, "saved")


def words_of(row: Row, what: str, low: str = "least", high: str = "most") -> str:
    return in_words(row[f"{what}_{low}"], row[f"{what}_{high}"])
