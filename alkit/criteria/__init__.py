"""Criteria: how informative is each candidate on its own? ``(N,)``, higher is wanted sooner."""

from __future__ import annotations

from alkit.criteria.criterion import Composite, Criterion
from alkit.criteria.function import as_criterion
from alkit.criteria.scores import check_scores
from alkit.criteria.transforms import MinMax, Rank, Transform, ZScore
from alkit.criteria.uncertainty import Constant, Entropy, LeastConfidence, Margin, Ratio

__all__ = [
    "Composite",
    "Constant",
    "Criterion",
    "Entropy",
    "LeastConfidence",
    "Margin",
    "MinMax",
    "Rank",
    "Ratio",
    "Transform",
    "ZScore",
    "as_criterion",
    "check_scores",
]
