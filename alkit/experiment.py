"""Comparisons: strategies times seeds, paired, at equal gradient steps."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import torch
from tqdm.auto import tqdm

from alkit.errors import ConfigurationError
from alkit.loop import ActiveLearningLoop, RoundRecord
from alkit.pool import ActiveLearningDataset
from alkit.records import Row
from alkit.result import Result
from alkit.seeds import derive
from alkit.strategies.learner import ActiveLearner

Factory = Callable[[ActiveLearningDataset, int], ActiveLearner]


def compare(
    strategies: Mapping[str, Factory],
    dataset: Any,
    *,
    seeds: Iterable[int] = range(5),
    rounds: int,
    query_size: int,
    initial: int | None = None,
    max_steps: int,
    protocol: Mapping[str, Any] | None = None,
    progress: bool = True,
) -> Result:
    """Run every strategy on every seed, paired: equal starts and equal gradient steps.

    For each seed all strategies share the initial annotated set, the initial weights (where
    their networks are the same) and the order of the data; separate random streams serve
    initialization, training and selection. The global random state is left as it was.

    Args:
        strategies: name to a function ``(pool, seed) -> strategy``, unbuilt or built, which
            must use that pool and that seed. The first is what the others are compared with.
        dataset: the samples, with labels; each run has a pool of its own over it.
        seeds: one trial each.
        rounds: rounds a trial; the last one is not followed by a query.
        query_size: samples annotated a round.
        initial: samples annotated at the start, drawn uniformly. Default: ``query_size``.
        max_steps: gradient steps a round, for every strategy.
        protocol: what else to say of how it was made.
        progress: show strategy, trial, round, accuracy and the time that is left.
    """
    seeds = list(seeds)
    if not strategies or not seeds:
        raise ConfigurationError("compare needs at least one strategy and one seed.")
    initial = query_size if initial is None else initial
    result = Result(
        protocol={
            **(protocol or {}),
            "strategies": list(strategies),
            "seeds": seeds,
            "rounds": rounds,
            "initial": initial,
            "query_size": query_size,
            "max_steps": max_steps,
            "samples": len(dataset),
            "python": platform.python_version(),
            **{name: version(name) for name in ("alkit", "torch", "lightning", "torchmetrics")},
        }
    )
    total = len(strategies) * len(seeds) * rounds
    with tqdm(total=total, disable=not progress, unit="round", dynamic_ncols=True) as bar:
        for seed in seeds:
            for name, factory in strategies.items():
                for record in run_trial(
                    factory, dataset, seed, rounds, query_size, initial, max_steps
                ):
                    result.rows.append(_row(name, seed, record))
                    value = result.rows[-1].get(result.metric, float("nan"))
                    bar.set_description(f"{name}, trial {seeds.index(seed) + 1} of {len(seeds)}")
                    bar.set_postfix_str(f"{record.annotated} labels: {value:.3f}")
                    bar.update()
    return result


def run_trial(
    factory: Factory,
    dataset: Any,
    seed: int,
    rounds: int,
    query_size: int,
    initial: int,
    max_steps: int,
) -> Iterator[RoundRecord]:
    """One strategy on one seed; a record a round."""
    pool = ActiveLearningDataset(dataset)
    pool.annotate_random(initial, seed=derive(seed, "initial"))
    with _randomness(derive(seed, "weights")):
        strategy = factory(pool, derive(seed, "strategy"))
        if not strategy.built:
            strategy.build()
    loop = ActiveLearningLoop(strategy, query_size, rounds, max_steps=max_steps)
    for round in range(rounds):
        with _randomness(derive(seed, "training", round)):
            record = loop.evaluate(round)
        if round == rounds - 1 or not len(pool.unannotated_indices):
            yield record  # labels that no model is trained on would be wasted
            return
        yield loop.acquire(record)


@contextmanager
def _randomness(seed: int) -> Iterator[None]:
    """Torch's own generators under a seed (weights, dropout), and restored afterwards."""
    with torch.random.fork_rng():
        torch.default_generator.manual_seed(seed)
        if torch.cuda.is_available():
            torch.cuda.manual_seed_all(seed)
        yield


def _row(strategy: str, seed: int, record: RoundRecord) -> Row:
    return {
        "strategy": strategy,
        "seed": seed,
        "round": record.round,
        "annotated": record.annotated,
        "steps": record.steps,
        **record.metrics,
        **{f"seconds_{phase}": round(value, 4) for phase, value in record.seconds.items()},
        "picked": [] if record.query is None else record.query.indices.tolist(),
        "why": "" if record.query is None else record.query.why,
    }
