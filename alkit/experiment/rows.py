"""Conversion of a round's results into a row of plain values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from alkit.evidence.records import main_metric
from alkit.evidence.records_csv import Row
from alkit.experiment.meter import Meter, peak_memory_mb
from alkit.loop import RoundRecord
from alkit.pool import ActiveLearningDataset
from alkit.pool.numerals import class_numbers_of
from alkit.pool.query import Query


def row(
    strategy: str,
    seed: int,
    record: RoundRecord,
    meter: Meter,
    validation: int,
    pool: ActiveLearningDataset,
) -> Row:
    """One row of the records; see ``Records`` for its columns."""
    query = record.query
    metric = main_metric(record.metrics)
    if "acc" not in metric.lower():
        metric = "testAccuracy"  # the prefix of the accuracies per class
    return {
        "strategy": strategy,
        "seed": seed,
        "round": record.round,
        "annotated": record.annotated,
        "validation": validation,
        "steps": record.steps,
        "samples_seen": meter.samples_seen,
        **{name: float(value) for name, value in record.metrics.items()},
        **{f"{metric}/{c}": value for c, value in meter.accuracies().items()},
        **{f"seconds_{phase}": round(value, 4) for phase, value in record.seconds.items()},
        "peak_memory_mb": round(peak_memory_mb(), 1),
        "queried_classes": [] if query is None else classes_of(query, pool, meter),
        "picked": [] if query is None else query.indices.tolist(),
        "scores": [] if query is None else _plain(query.scores, float),
        "guesses": [] if query is None else _plain(query.guesses, int),
        "why": "" if query is None else query.why,
    }


def classes_of(query: Query, pool: ActiveLearningDataset, meter: Meter) -> list[int]:
    """Number of labels of a query in each class; empty if the labels are not classes."""
    if meter.kind == "values":
        return []
    labels = class_numbers_of(pool.labels_of(query.indices))
    if labels is None:
        return []
    classes = max([*meter.tested, *labels.tolist()], default=-1) + 1
    return np.bincount(labels, minlength=classes).tolist()


def _plain(values: ArrayLike | None, kind: type) -> list[Any]:
    """One number per pick; empty if there is none, or more than one."""
    array = np.asarray(values) if values is not None else np.empty(0)
    if array.ndim != 1 or (kind is int and array.dtype.kind not in "iub"):
        return []
    return [kind(v) for v in array.tolist() if v is not None and math.isfinite(v)]
