"""Checks of a comparison before any training starts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sized
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np

from alkit.directions import declared, rising
from alkit.errors import AlkitError, ConfigurationError, likely
from alkit.evidence.records import main_metric
from alkit.experiment.stand_ins import chooses_uniformly
from alkit.experiment.trial import Factory, Plan, Trial, annotated_for_validation, randomness
from alkit.experiment.weights import digest
from alkit.pool import ActiveLearningDataset
from alkit.pool.checks import check_query_size
from alkit.pool.fingerprint import fixed_draws
from alkit.querying.fixed import check_spaces
from alkit.strategies.description import described, unchanged
from alkit.strategies.identity import (
    arguments,
    asking,
    identity,
    own_attributes,
    plainly,
    settings,
)
from alkit.strategies.learner import ActiveLearner
from alkit.strategies.sources import sources
from alkit.training.budget import check_counts

LABELS = 20  # number of labels that identify the dataset


@dataclass(frozen=True)
class Look:
    """Properties of a strategy.

    Attributes:
        description: model, criterion and selector, in words.
        uniform: True if it draws its samples uniformly.
        classes: number of columns of its outputs; None if it has no outputs.
        results: names of its test results.
        rising: direction by test result, where it is declared: True if higher is better.
        validation: number of samples that it may still annotate for validation.
        parts: description, in words and hashes, of all that decides its results.
        test: its test data.
        val: its validation data; None if it has none.
    """

    description: str
    uniform: bool
    classes: int | None
    results: list[str]
    rising: dict[str, bool]
    validation: int
    parts: dict[str, Any]
    test: Any
    val: Any


def look(trial: Trial) -> Look:
    """Create the strategy of a trial, predict two samples and test one batch.

    Raises:
        ConfigurationError: the factory did not return a strategy over its pool, or returned one
            that cannot be tested.
        FeaturesError: fixed features are not those of the samples.
    """
    factory = described(trial.factory)
    with fixed_draws():  # a network may draw its weights from NumPy
        strategy = trial.begin()
    if strategy.test_data is None:
        raise ConfigurationError(
            f"{trial.name!r} has no test data, so there is nothing to compare: pass test=dataset "
            "to its strategy."
        )
    parts = _parts(trial.factory, strategy)
    values, weights = _values(strategy), digest(strategy.module)
    with randomness(0):
        strategy.acquisition.at(strategy.context)  # fails here if anything it needs is missing
        check_spaces(strategy.train_pool, strategy.selector.needs)
        classes = _classes(strategy)
        results = list(strategy.test(limit_test_batches=1))
    parts["factory"] = unchanged(factory, described(trial.factory))
    parts |= unchanged(values, _values(strategy))
    left = 0
    if strategy.val_pool is not None:
        left = len(strategy.val_pool) - annotated_for_validation(strategy)
    return Look(
        _describe(strategy),
        chooses_uniformly(strategy),
        classes,
        results,
        declared(strategy.module),
        left,
        {**parts, "weights": weights},
        strategy.test_data,
        strategy.val_data,
    )


def check_looks(
    looks: Mapping[str, Look], plan: Plan, samples: int, metric: str | None
) -> str | None:
    """Raise a ConfigurationError unless the strategies can be compared with each other.

    Returns the metric to show if it is not the default one, else None.
    """
    classes = {name: seen.classes for name, seen in looks.items() if seen.classes is not None}
    if len(set(classes.values())) > 1:
        told = ", ".join(f"{name} {count}" for name, count in classes.items())
        raise ConfigurationError(
            f"the strategies have different numbers of classes ({told}), but they are compared on "
            "the same labels."
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
    if metric is not None:
        return metric
    shown = main_metric(shared)
    if shown not in shared:
        return min(shared, key=lambda name: "loss" in name)  # modules may use any names
    return None if all(main_metric(s.results) == shown for s in looks.values()) else shown


def directions(looks: Mapping[str, Look]) -> dict[str, dict[str, bool]]:
    """Protocol entry of the test results whose names do not show if higher is better, if any.

    Raises:
        ConfigurationError: two results of one name improve in opposite directions.
    """
    found: dict[str, bool] = {}
    for name, seen in looks.items():
        for metric, higher in seen.rising.items():
            if found.setdefault(metric, higher) != higher:
                raise ConfigurationError(
                    f"{metric} of {name} is better if {'higher' if higher else 'lower'}, and of "
                    "another strategy it is not: give different metrics different names."
                )
    unclear = {metric: higher for metric, higher in found.items() if higher != rising(metric)}
    return {"rising": unclear} if unclear else {}


def check_plan(plan: Plan, samples: int) -> None:
    """Raise an error for impossible sizes."""
    check_counts(rounds=plan.rounds, max_steps=plan.max_steps)
    check_query_size(plan.query_size, samples)
    check_query_size(plan.initial, samples)


def check_seeds(seeds: Iterable[Any]) -> list[int]:
    """Return the seeds as distinct integers from 0 to 2**63 - 1, or raise a ConfigurationError."""
    if isinstance(seeds, str) or not isinstance(seeds, Iterable):
        hint = f" For {seeds} seeds, pass range({seeds})." if isinstance(seeds, int) else ""
        raise ConfigurationError(f"seeds must be a list or range of integers, got {seeds!r}.{hint}")
    seeds = list(seeds)
    wrong = [s for s in seeds if isinstance(s, bool) or not isinstance(s, int | np.integer)]
    if wrong or len(set(seeds)) != len(seeds) or any(not 0 <= seed < 2**63 for seed in seeds):
        raise ConfigurationError(
            f"seeds must be distinct integers of at least 0 and below 2**63, got {seeds}."
        )
    return [int(seed) for seed in seeds]


def hash_of_labels(dataset: Sized) -> str:
    """Short hash of the dataset's size and some of its labels, to distinguish it from others."""
    n = len(dataset)
    some = np.unique(np.linspace(0, n - 1, min(n, LABELS)).astype(int))
    pool = ActiveLearningDataset(dataset)
    pool.annotate(some)
    labels = json.dumps([n, pool.labels_of(some)], default=str)
    return hashlib.sha256(labels.encode()).hexdigest()[:12]


def _classes(strategy: ActiveLearner) -> int | None:
    pool = strategy.train_pool
    if getattr(strategy.module, "num_classes", 0) is None:
        return None  # an Estimator that learns it from the labels
    try:
        with closing(strategy.predictions(pool, pool.annotated_indices[:2])) as predictions:
            outputs = next(predictions).outputs
    except AlkitError:
        return None  # a custom strategy may choose without predictions
    return None if outputs is None else outputs.shape[-1]


def _describe(strategy: ActiveLearner) -> str:
    weights = sum(weight.numel() for weight in strategy.module.parameters())
    optimizer = getattr(strategy.module, "optimizer", None)
    estimator = getattr(strategy.module, "estimator", None)
    parts = [
        type(strategy).__name__,
        asking(strategy.acquisition),
        f"batches of {strategy.batch_size}",
        f"{weights:,} weights",
        *(repr(part) for part in (optimizer, estimator) if part is not None),
    ]
    return plainly("; ".join(parts))


def _parts(factory: Factory, strategy: ActiveLearner) -> dict[str, Any]:
    """Identity of a strategy before it is trained, with the sources of the user's code in it."""
    used = [factory, type(strategy), *strategy.module.modules(), strategy.predictor]
    used += [strategy.acquisition, *strategy.criterion.terms, strategy.selector]
    return {
        **identity(strategy),
        "source": sources(
            [*used, *strategy.criterion.terms, strategy.selector, strategy.predictor]
        ),
    }


def _values(strategy: ActiveLearner) -> dict[str, Any]:
    """The values of the variables that a strategy was made with."""
    return {
        "settings": settings(strategy),
        "arguments": arguments(strategy),
        "attributes": own_attributes(strategy),
    }
