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
from alkit.strategies.papers_of_rows import (
    box_disagreement,
    class_weighted_sum,
    heatmap_spread,
    least_confident_box,
    mean_token_entropy,
    mnlp,
    multi_peak_entropy,
    number_of_objects,
    one_versus_two,
    total_token_entropy,
)
from alkit.strategies.segmentation import (
    diverse_pixel_entropy,
    mean_pixel_entropy,
    top_pixel_entropy,
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
    "box_disagreement",
    "class_weighted_sum",
    "cluster_margin",
    "committee",
    "coral",
    "coreset",
    "diverse_pixel_entropy",
    "epig",
    "greedy_sampling",
    "heatmap_spread",
    "lcmd",
    "least_confident_box",
    "mean_pixel_entropy",
    "mean_token_entropy",
    "mnlp",
    "multi_peak_entropy",
    "number_of_objects",
    "one_versus_two",
    "power_bald",
    "power_margin",
    "probcover",
    "top_pixel_entropy",
    "total_token_entropy",
    "typiclust",
    "uherding",
]
