"""What a comparison found, as a table."""

from __future__ import annotations

import numpy as np

from alkit.records import Records, Row
from alkit.statistics import areas


def summary(records: Records) -> list[Row]:
    """One row a strategy: mean result at the end, area under the curve, gain, seconds.

    The area is the mean result over the labels spent (trapezoids). The gain is the mean
    difference of areas to the first strategy, trial by trial, with the trials in which it is
    above zero.
    """
    reference = areas(*records.curves(records.strategies[0]))
    table = []
    for name in records.strategies:
        annotated, values = records.curves(name)
        area = areas(annotated, values)
        gains = area - reference
        timed = [row for row in records.rows if row["strategy"] == name]
        seconds = [sum(v for k, v in row.items() if k.startswith("seconds")) for row in timed]
        table.append(
            {
                "strategy": name,
                "labels": int(annotated[-1]),
                "final": float(values[:, -1].mean()),
                "final_low": float(values[:, -1].min()),
                "final_high": float(values[:, -1].max()),
                "area": float(area.mean()),
                "gain": float(gains.mean()),
                "trials_ahead": int((gains > 0).sum()),
                "trials": len(values),
                "steps": timed[-1]["steps"],
                "seconds_a_round": float(np.mean(seconds)),
            }
        )
    return table
