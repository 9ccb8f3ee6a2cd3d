"""Criteria: scores ``(N,)`` of candidates, each on its own; higher is wanted sooner."""

from __future__ import annotations

from alkit.criteria.algebra import Maximum, Minimum, Schedule
from alkit.criteria.class_weight import ClassWeight
from alkit.criteria.context import Context
from alkit.criteria.coremse import CoreMSE
from alkit.criteria.criterion import Composite, Criterion
from alkit.criteria.each import Each
from alkit.criteria.epig import EPIG
from alkit.criteria.function import as_criterion
from alkit.criteria.gradient import ExpectedGradientLength
from alkit.criteria.heads import HeadScore
from alkit.criteria.posterior import BALD, MeanStd, VariationRatio, VoteEntropy
from alkit.criteria.regression import (
    ExpectedImprovement,
    RegressionBALD,
    Thompson,
    UpperConfidenceBound,
    Variance,
)
from alkit.criteria.row_reductions import Count, TopShare
from alkit.criteria.scores import check_scores, scores_of
from alkit.criteria.temperature import Temperature, fit_temperature
from alkit.criteria.tempered import Tempered
from alkit.criteria.transforms import MinMax, Rank, Transform, ZScore
from alkit.criteria.uncertainty import (
    Constant,
    Energy,
    Entropy,
    LeastConfidence,
    Margin,
    MinEntropy,
    Ratio,
)

__all__ = [
    "BALD",
    "EPIG",
    "ClassWeight",
    "Composite",
    "Constant",
    "Context",
    "CoreMSE",
    "Count",
    "Criterion",
    "Each",
    "Energy",
    "Entropy",
    "ExpectedGradientLength",
    "ExpectedImprovement",
    "HeadScore",
    "LeastConfidence",
    "Margin",
    "Maximum",
    "MeanStd",
    "MinEntropy",
    "MinMax",
    "Minimum",
    "Rank",
    "Ratio",
    "RegressionBALD",
    "Schedule",
    "Temperature",
    "Tempered",
    "Thompson",
    "TopShare",
    "Transform",
    "UpperConfidenceBound",
    "Variance",
    "VariationRatio",
    "VoteEntropy",
    "ZScore",
    "as_criterion",
    "check_scores",
    "fit_temperature",
    "scores_of",
]
