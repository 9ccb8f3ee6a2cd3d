"""Predictions: a model's outputs for N candidates, and what these outputs mean."""

from __future__ import annotations

from alkit.prediction.checks import are_finite, look_like_probabilities, one_sample
from alkit.prediction.prediction import Prediction, held_by, unchecked
from alkit.prediction.probabilities import KINDS, TASKS, OutputKind, Task

__all__ = [
    "KINDS",
    "TASKS",
    "OutputKind",
    "Prediction",
    "Task",
    "are_finite",
    "held_by",
    "look_like_probabilities",
    "one_sample",
    "unchecked",
]
