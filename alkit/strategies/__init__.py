"""Strategies: a model, how it is trained, a criterion and a selector, around a pool."""

from __future__ import annotations

from alkit.strategies.adversarial import AdversarialStrategy
from alkit.strategies.automatic import AutoStrategy, auto
from alkit.strategies.learner import ActiveLearner
from alkit.strategies.papers import (
    badge,
    cluster_margin,
    coral,
    coreset,
    power_margin,
    probcover,
    typiclust,
    uherding,
)
from alkit.strategies.strategy import Strategy, UncertaintyStrategy, UniformStrategy

__all__ = [
    "ActiveLearner",
    "AdversarialStrategy",
    "AutoStrategy",
    "Strategy",
    "UncertaintyStrategy",
    "UniformStrategy",
    "auto",
    "badge",
    "cluster_margin",
    "coral",
    "coreset",
    "power_margin",
    "probcover",
    "typiclust",
    "uherding",
]
