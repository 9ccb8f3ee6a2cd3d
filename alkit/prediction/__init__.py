"""Predictions: a model's outputs for N candidates, and what these outputs mean."""

from __future__ import annotations

from alkit.prediction.checks import are_finite, as_mask, look_like_probabilities, one_sample
from alkit.prediction.prediction import Prediction, held_by, read_in_chunks, unchecked
from alkit.prediction.probabilities import KINDS, STRUCTURES, TASKS, OutputKind, Task
from alkit.prediction.regular import COUNTED
from alkit.prediction.rows import UNITS, needs_one_row

__all__ = [
    "COUNTED",
    "KINDS",
    "STRUCTURES",
    "TASKS",
    "UNITS",
    "OutputKind",
    "Prediction",
    "Task",
    "are_finite",
    "as_mask",
    "held_by",
    "look_like_probabilities",
    "needs_one_row",
    "one_sample",
    "read_in_chunks",
    "unchecked",
]
