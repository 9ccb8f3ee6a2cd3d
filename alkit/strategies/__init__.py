"""Strategies: a training and an acquisition around a pool."""

from __future__ import annotations

from alkit.strategies.adversarial import AdversarialStrategy
from alkit.strategies.learner import ActiveLearner
from alkit.strategies.losslearning import LearningLossStrategy
from alkit.strategies.papers import (
    auto,
    badge,
    bald,
    batchbald,
    cluster_margin,
    committee,
    coral,
    coreset,
    epig,
    greedy_sampling,
    lcmd,
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
    "greedy_sampling",
    "lcmd",
    "power_bald",
    "power_margin",
    "probcover",
    "typiclust",
    "uherding",
]
