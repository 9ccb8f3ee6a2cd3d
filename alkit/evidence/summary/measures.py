"""The measures of a comparison, each a table with one row per strategy or per budget."""

from __future__ import annotations

import math

from alkit.errors import RecordsError
from alkit.evidence import statistics
from alkit.evidence.records import Records
from alkit.evidence.statistics import (
    bootstrap_interval,
    holm,
    least_p,
    signed_rank_test,
    t_interval,
    t_test,
)
from alkit.evidence.summary.table import Table
from alkit.evidence.summary.trials import trials


def budgets(records: Records) -> Table:
    """Result at each budget: one row per strategy and round.

    Keys: ``strategy``, ``annotated``, ``trials``, ``mean``, and ``low`` and ``high``, its 95 %
    interval by the bootstrap over trials (NaN for one trial).
    """
    found = trials(records)
    rows = []
    for name in found.values:
        values = found.curves(name)
        ends = bootstrap_interval(values)
        for labels, mean, low, high in zip(found.annotated, values.mean(0), *ends):
            rows.append(
                {
                    "strategy": name,
                    "annotated": int(labels),
                    "trials": len(values),
                    "mean": float(mean),
                    "low": float(low),
                    "high": float(high),
                }
            )
    return Table(rows)


def tests(records: Records) -> Table:
    """Test of each strategy against the reference, by the areas of paired trials.

    Only the area under the budget curve is tested: a test at every round would find differences by
    chance. Keys: ``strategy``, ``reference``, ``trials`` (paired), ``gain`` (mean difference of
    areas, above zero is better), ``gain_low`` and ``gain_high`` (95 %, Student's t), ``test``
    ("paired t", or "corrected resampled t" if the protocol states that trials resample the split),
    ``p_alone`` (p of that test), ``p`` (after Holm's correction for the number of strategies; the
    verdict uses this one), ``p_signed_rank`` (Wilcoxon's, uncorrected) and ``least_signed_rank``
    (its smallest possible value with that many trials). NaN if there is only one trial.
    """
    found = trials(records)
    rows = []
    for name in found.others:
        gains = found.gains(name)
        low, high = t_interval(gains, found.overlap)
        rows.append(
            {
                "strategy": name,
                "reference": found.reference,
                "trials": len(gains),
                "gain": float(gains.mean()) if len(gains) else math.nan,
                "gain_low": low,
                "gain_high": high,
                "test": "corrected resampled t" if found.overlap else "paired t",
                "p_alone": t_test(gains, found.overlap),
                "p": math.nan,
                "p_signed_rank": signed_rank_test(gains) if len(gains) > 1 else math.nan,
                "least_signed_rank": least_p(len(gains)) if len(gains) > 1 else math.nan,
            }
        )
    for row, p in zip(rows, holm([row["p_alone"] for row in rows])):
        row["p"] = float(p)
    return Table(rows)


def trials_needed(records: Records, difference: float) -> dict[str, float]:
    """Number of paired trials that each strategy needs to show a difference in area, at 80 % power.

    Computed from the spread of its differences from the reference so far. See
    ``alkit.evidence.statistics.trials_needed``.

    Args:
        records: records of a comparison, used as a pilot.
        difference: the true difference of the areas to detect.

    Raises:
        RecordsError: one trial has no spread.
    """
    found = trials(records)
    gains = {name: found.gains(name) for name in found.others}
    if any(len(each) < 2 for each in gains.values()):
        raise RecordsError("one trial has no spread to plan from: run at least two seeds first.")
    return {
        name: statistics.trials_needed(difference, float(each.std(ddof=1)))
        for name, each in gains.items()
    }
