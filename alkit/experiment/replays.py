"""Training of another model on recorded queries, and of a model on all labels."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from alkit.errors import ConfigurationError, likely
from alkit.evidence.records import Records
from alkit.evidence.records_csv import Row
from alkit.experiment.arguments import check_dataset, check_factory, check_options
from alkit.experiment.checks import check_looks, check_seeds, directions, hash_of_labels, look
from alkit.experiment.comparison import packages, parts_of
from alkit.experiment.data import content
from alkit.experiment.run import ceiling_trials, run
from alkit.experiment.stand_ins import Recorded
from alkit.experiment.termination import ends_when_terminated
from alkit.experiment.trial import Factory, Plan, Trial
from alkit.reporting.result import Result


@ends_when_terminated
def replay(
    result: Records,
    strategy: str,
    seed: int,
    factory: Factory,
    dataset: Any,
    *,
    max_steps: int | None = None,
    warm_start: bool = False,
    name: str | None = None,
    folder: str | Path | None = None,
    progress: bool = True,
) -> Result:
    """Train another model on the samples of a recorded trial, in the order they were queried.

    This shows whether the samples that one model selected also suit another model, which is not
    guaranteed: Lowell, Lipton and Wallace 2019, "Practical obstacles to deploying active learning".

    Args:
        result: the records, from ``compare`` or ``alkit.load``.
        strategy, seed: the trial to replay.
        factory: a function ``(pool, seed) -> strategy``; its strategy trains, but does not query.
        dataset: the dataset of the records.
        max_steps: gradient steps per round. Default: those of the records.
        warm_start: as in ``compare``.
        name: strategy name in the new rows. Default: for example ``"margin, replayed"``.
        folder: folder to write to, as in ``compare``.
        progress: True to show a progress bar.

    Raises:
        ConfigurationError: there is no such trial, or the dataset is not that of the records.
    """
    if not isinstance(result, Records):
        raise ConfigurationError(
            f"replay takes the records of a comparison, from compare or load, got {result!r}."
        )
    check_factory(factory)
    check_options(folder=folder, warm_start=warm_start, progress=progress)
    check_dataset(dataset)
    rows = _trial_of(result, strategy, seed)
    made = result.protocol
    missing = {"initial", "query_size", "samples", "labels"} - made.keys()
    if missing:
        raise ConfigurationError(
            f"the protocol of the record lacks {', '.join(sorted(missing))}: it was not written "
            "by alkit.compare."
        )
    data = content(dataset)
    same = (len(dataset), hash_of_labels(dataset)) == (made["samples"], made["labels"])
    if not same or made.get("data", data) != data:
        raise ConfigurationError(
            f"the dataset of {len(dataset):,} samples is not the one of the record, which had "
            f"{made['samples']:,}: its samples, inputs or labels differ."
        )
    name = f"{strategy}, replayed" if name is None else name
    steps = rows[0]["steps"] if max_steps is None else max_steps
    plan = Plan(len(rows), made["query_size"], made["initial"], steps, warm_start)
    trial = Trial(name, seed, Recorded(factory, [row["picked"] for row in rows]), dataset, plan)
    seen = look(trial)
    metric = check_looks({name: seen}, plan, len(dataset), None)
    protocol = {
        **{key: made[key] for key in ("dataset", "samples", "labels", "initial") if key in made},
        "strategies": [name],
        "made": {name: seen.description},
        "data": data,
        "parts": parts_of({name: seen}),
        "replayed": {"strategy": strategy, "seed": seed},
        "reference": name,
        "seeds": [seed],
        "rounds": len(rows),
        "query_size": plan.query_size,
        "max_steps": steps,
        "start": "warm" if warm_start else "reset every round",
        **({} if metric is None else {"metric": metric}),
        **directions({name: seen}),
        **packages(),
        "torch_threads": torch.get_num_threads(),
    }
    return run([trial], protocol, folder, progress=progress)


@ends_when_terminated
def ceiling(
    factory: Factory,
    dataset: Any,
    *,
    seeds: Iterable[int] = range(5),
    max_steps: int,
    progress: bool = True,
) -> dict[str, list[float]]:
    """Return the results of the same model trained on all labels, as an upper reference.

        result.protocol["ceiling"] = ceiling(factory, train, seeds=range(5), max_steps=2000)

    does the same as ``compare(..., ceiling=2000)`` with its first strategy.

    Args:
        factory: a function ``(pool, seed) -> strategy``.
        dataset: the samples, with labels.
        seeds: one training run per seed, with the same initial weights as in ``compare``.
        max_steps: gradient steps; choose enough for all labels, which are more than in a round.
        progress: True to show a progress bar.

    Returns:
        Test results by name, one value per seed.
    """
    seeds = check_seeds(seeds)
    if not seeds:
        raise ConfigurationError("a ceiling needs at least one seed.")
    check_factory(factory)
    check_dataset(dataset)
    trials = ceiling_trials(factory, dataset, seeds, max_steps)
    look(trials[0])
    return run(trials, {"seeds": seeds}, None, progress=progress).protocol["ceiling"]


def _trial_of(result: Records, strategy: str, seed: int) -> list[Row]:
    if strategy not in result.strategies:
        there = likely(strategy, result.strategies)
        raise ConfigurationError(f"the records contain no strategy {strategy!r}{there}")
    rows = [row for row in result.rows if (row["strategy"], row["seed"]) == (strategy, seed)]
    if not rows:
        seeds = sorted({row["seed"] for row in result.rows if row["strategy"] == strategy})
        raise ConfigurationError(f"{strategy!r} was run with seeds {seeds}, not with {seed!r}.")
    return rows
