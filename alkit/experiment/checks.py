"""What can be known to be wrong before any training starts."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np

from alkit.errors import AlkitError, ConfigurationError, likely
from alkit.evidence.records import main_metric
from alkit.experiment.stand_ins import chooses_uniformly
from alkit.experiment.trial import Plan, Trial, annotated_for_validation, randomness
from alkit.pool import ActiveLearningDataset
from alkit.pool.annotations import check_query_size
from alkit.querying import Acquisition
from alkit.strategies.learner import ActiveLearner
from alkit.training.budget import check_counts

LABELS = 20  # of the dataset, by which it is recognized


@dataclass(frozen=True)
class Look:
    """What a strategy turned out to be.

    Attributes:
        description: of model, criterion and selector.
        uniform: whether it draws its samples uniformly.
        classes: columns of its outputs; None where it has none.
        results: names of its test results.
        validation: samples that it may annotate for validation.
    """

    description: str
    uniform: bool
    classes: int | None
    results: list[str]
    validation: int


def look(trial: Trial) -> Look:
    """Make the strategy of a trial, and let it predict a sample and be tested on one batch.

    Raises:
        ConfigurationError: the factory returned no strategy over its pool, or one that cannot be
            tested.
    """
    strategy = trial.begin()
    if strategy.test_data is None:
        raise ConfigurationError(
            f"{trial.name!r} has no test data, so there is nothing to compare: give test=dataset "
            "to its strategy."
        )
    with randomness(0):
        strategy.acquisition.at(strategy.context)  # what it needs is missing now or never
        classes = _classes(strategy)
        results = list(strategy.test(limit_test_batches=1))
    left = 0
    if strategy.val_pool is not None:
        left = len(strategy.val_pool) - annotated_for_validation(strategy)
    return Look(_describe(strategy), chooses_uniformly(strategy), classes, results, left)


def check_looks(
    looks: Mapping[str, Look], plan: Plan, samples: int, metric: str | None
) -> str | None:
    """Raise a ConfigurationError unless the strategies can be compared with each other.

    Returns the metric to show, where that is not the one that its name makes the usual one.
    """
    classes = {name: seen.classes for name, seen in looks.items() if seen.classes is not None}
    if len(set(classes.values())) > 1:
        told = ", ".join(f"{name} {count}" for name, count in classes.items())
        raise ConfigurationError(
            f"the strategies give different numbers of classes ({told}): they are compared on one "
            "set of labels."
        )
    shared = [
        name
        for name in next(iter(looks.values())).results
        if all(name in seen.results for seen in looks.values())
    ]
    if not shared:
        told = "; ".join(f"{name}: {', '.join(seen.results)}" for name, seen in looks.items())
        raise ConfigurationError(f"the strategies have no test result in common ({told}).")
    if metric is not None and metric not in shared:
        raise ConfigurationError(
            f"no test result of all strategies is named {metric!r}{likely(metric, shared)}"
        )
    needed = plan.initial + (plan.rounds - 1) * plan.query_size
    there = samples + min(seen.validation for seen in looks.values())
    if needed > there:
        most = (there - plan.initial) // plan.query_size + 1
        raise ConfigurationError(
            f"{plan.rounds} rounds of {plan.query_size} after {plan.initial} need {needed:,} "
            f"labels, and the dataset has {there:,}: at most {most} rounds."
        )
    if metric is None and main_metric(shared) not in shared:
        return min(shared, key=lambda name: "loss" in name)  # a module names them as it likes
    return metric


def check_plan(plan: Plan, samples: int) -> None:
    """Raise an error for sizes that cannot be."""
    check_counts(rounds=plan.rounds, max_steps=plan.max_steps)
    check_query_size(plan.query_size, samples)
    check_query_size(plan.initial, samples)


def check_seeds(seeds: Iterable[Any]) -> list[int]:
    """The seeds as distinct integers of at least 0; at least one."""
    seeds = list(seeds)
    wrong = [s for s in seeds if isinstance(s, bool) or not isinstance(s, int | np.integer)]
    if wrong or len(set(seeds)) != len(seeds) or any(seed < 0 for seed in seeds):
        raise ConfigurationError(f"seeds are distinct integers of at least 0, got {seeds}.")
    return [int(seed) for seed in seeds]


def fingerprint(dataset: Any) -> str:
    """A few characters that tell this dataset from others, by some of its labels."""
    n = len(dataset)
    some = np.unique(np.linspace(0, n - 1, min(n, LABELS)).astype(int))
    pool = ActiveLearningDataset(dataset)
    pool.annotate(some)
    labels = json.dumps([n, pool.labels_of(some)], default=str)
    return hashlib.sha256(labels.encode()).hexdigest()[:12]


def _classes(strategy: ActiveLearner) -> int | None:
    pool = strategy.train_pool
    try:
        with closing(strategy.predictions(pool, pool.annotated_indices[:2])) as predictions:
            outputs = next(predictions).outputs
    except AlkitError:
        return None  # a strategy of one's own may choose without predictions
    return None if outputs is None else outputs.shape[-1]


def _describe(strategy: ActiveLearner) -> str:
    weights = sum(weight.numel() for weight in strategy.module.parameters())
    optimizer = getattr(strategy.module, "optimizer", None)
    parts = [
        type(strategy).__name__,
        _asking(strategy),
        f"batches of {strategy.batch_size}",
        f"{weights:,} weights",
        *([] if optimizer is None else [repr(optimizer)]),
    ]
    return re.sub(r" at 0x[0-9a-fA-F]+", "", "; ".join(parts))


def _asking(strategy: ActiveLearner) -> str:
    acquisition = strategy.acquisition
    plain = type(acquisition) is Acquisition
    return f"{acquisition.selector!r} of {acquisition.criterion!r}" if plain else repr(acquisition)
