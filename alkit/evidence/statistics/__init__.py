"""Measures and tests of learning curves, on plain arrays of T trials, R rounds, S strategies."""

from alkit.evidence.statistics.crossed import crossed_interval
from alkit.evidence.statistics.curves import areas, improves, monotone
from alkit.evidence.statistics.intervals import bootstrap_interval, t_interval
from alkit.evidence.statistics.levels import (
    Bounds,
    in_words,
    labels_needed,
    labels_saved,
    median_needed,
)
from alkit.evidence.statistics.penalties import checkpoints, penalties
from alkit.evidence.statistics.power import power, trials_needed
from alkit.evidence.statistics.significance import holm, least_p, signed_rank_test, t_test

__all__ = [
    "Bounds",
    "areas",
    "bootstrap_interval",
    "checkpoints",
    "crossed_interval",
    "holm",
    "improves",
    "in_words",
    "labels_needed",
    "labels_saved",
    "least_p",
    "median_needed",
    "monotone",
    "penalties",
    "power",
    "signed_rank_test",
    "t_interval",
    "t_test",
    "trials_needed",
]
