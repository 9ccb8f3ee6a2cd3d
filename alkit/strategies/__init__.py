"""Strategies: a model, how it is trained, a criterion and a selector, around a pool."""

from __future__ import annotations

from alkit.querying.automatic import AutoStrategy, auto
from alkit.strategies.adversarial import AdversarialStrategy
from alkit.strategies.calibrated import CalibratedStrategy
from alkit.strategies.epig import EPIGStrategy
from alkit.strategies.learner import ActiveLearner
from alkit.strategies.losslearning import LearningLossStrategy
from alkit.strategies.papers import (
    badge,
    bald,
    batchbald,
    cluster_margin,
    committee,
    coral,
    coreset,
    epig,
    power_bald,
    power_margin,
    probcover,
    typiclust,
    uherding,
)
from alkit.strategies.semisupervised import SemiSupervisedStrategy
from alkit.strategies.strategy import Strategy, UncertaintyStrategy, UniformStrategy

__all__ = [
    "ActiveLearner",
    "AdversarialStrategy",
    "AutoStrategy",
    "CalibratedStrategy",
    "EPIGStrategy",
    "LearningLossStrategy",
    "SemiSupervisedStrategy",
    "Strategy",
    "UncertaintyStrategy",
    "UniformStrategy",
    "auto",
    "badge",
    "bald",
    "batchbald",
    "cluster_margin",
    "committee",
    "coral",
    "coreset",
    "epig",
    "power_bald",
    "power_margin",
    "probcover",
    "typiclust",
    "uherding",
]
