"""Another model on a recorded order of acquisition; and a model on all labels."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from alkit.errors import ConfigurationError, likely
from alkit.evidence.records import Records
from alkit.evidence.records_csv import Row
from alkit.experiment.checks import check_looks, check_seeds, fingerprint, look
from alkit.experiment.comparison import packages
from alkit.experiment.run import ceiling_trials, run
from alkit.experiment.stand_ins import Recorded
from alkit.experiment.trial import Factory, Plan, Trial
from alkit.reporting.result import Result


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
    """Train another model on the samples of a recorded trial, in the order in which they came.

    It tells whether the labels that one model chose suit another, which the chosen ones need not:
    Lowell, Lipton and Wallace 2019, "Practical obstacles to deploying active learning".

    Args:
        result: the records, of ``compare`` or ``alkit.load``.
        strategy, seed: which trial of them.
        factory: a function ``(pool, seed) -> strategy``; its strategy trains, and does not choose.
        dataset: that of the record.
        max_steps: gradient steps a round. Default: those of the record.
        warm_start: as of ``compare``.
        name: under which the rows stand. Default: ``"margin, replayed"``, say.
        folder: where to write, as of ``compare``.
        progress: show where it is.

    Raises:
        ConfigurationError: no such trial, or a dataset that is not that of the record.
    """
    rows = _trial_of(result, strategy, seed)
    made = result.protocol
    missing = {"initial", "query_size", "samples", "labels"} - made.keys()
    if missing:
        raise ConfigurationError(
            f"the protocol of the record lacks {', '.join(sorted(missing))}: it was not made by "
            "alkit.compare."
        )
    if (len(dataset), fingerprint(dataset)) != (made["samples"], made["labels"]):
        raise ConfigurationError(
            f"the dataset of {len(dataset):,} samples is not the one of the record, which had "
            f"{made['samples']:,}: other samples, or other labels."
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
        "replayed": {"strategy": strategy, "seed": seed},
        "reference": name,
        "seeds": [seed],
        "rounds": len(rows),
        "query_size": plan.query_size,
        "max_steps": steps,
        "start": "warm" if warm_start else "reset every round",
        **({} if metric is None else {"metric": metric}),
        **packages(),
        "torch_threads": torch.get_num_threads(),
    }
    return run([trial], protocol, folder, progress=progress)


def ceiling(
    factory: Factory,
    dataset: Any,
    *,
    seeds: Iterable[int] = range(5),
    max_steps: int,
    progress: bool = True,
) -> dict[str, list[float]]:
    """The results of the same model trained on all labels: the line to reach.

        result.protocol["ceiling"] = ceiling(factory, train, seeds=range(5), max_steps=2000)

    does what ``compare(..., ceiling=2000)`` does with its first strategy.

    Args:
        factory: a function ``(pool, seed) -> strategy``.
        dataset: the samples, with labels.
        seeds: one training each, with the initial weights that ``compare`` takes for it.
        max_steps: gradient steps: enough for all labels, which are more than a round has.
        progress: show where it is.

    Returns:
        Test results by name, one value a seed.
    """
    seeds = check_seeds(seeds)
    if not seeds:
        raise ConfigurationError("a ceiling needs at least one seed.")
    trials = ceiling_trials(factory, dataset, seeds, max_steps)
    look(trials[0])
    return run(trials, {"seeds": seeds}, None, progress=progress).protocol["ceiling"]


def _trial_of(result: Records, strategy: str, seed: int) -> list[Row]:
    if strategy not in result.strategies:
        there = likely(strategy, result.strategies)
        raise ConfigurationError(f"the records have no strategy {strategy!r}{there}")
    rows = [row for row in result.rows if (row["strategy"], row["seed"]) == (strategy, seed)]
    if not rows:
        seeds = sorted({row["seed"] for row in result.rows if row["strategy"] == strategy})
        raise ConfigurationError(f"{strategy!r} was run on the seeds {seeds}, not on {seed!r}.")
    return rows
