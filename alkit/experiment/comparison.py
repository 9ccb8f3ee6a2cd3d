"""Strategies side by side: fair by construction, kept round by round, on any machine."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import torch

from alkit.errors import ConfigurationError, likely
from alkit.experiment.checks import check_looks, check_plan, check_seeds, fingerprint, look
from alkit.experiment.run import CEILING, ceiling_trials, run
from alkit.experiment.stand_ins import Uniform
from alkit.experiment.trial import Factory, Plan, Trial
from alkit.loop.tensorboard import check_installed
from alkit.reporting.result import Result

UNIFORM = "uniform"
PACKAGES = ("alkit", "torch", "lightning", "torchmetrics", "numpy")


def compare(
    strategies: Mapping[str, Factory],
    dataset: Any,
    *,
    seeds: Iterable[int] = range(5),
    rounds: int,
    query_size: int,
    initial: int | None = None,
    max_steps: int,
    warm_start: bool = False,
    ceiling: int | None = None,
    without: Iterable[str] = (),
    metric: str | None = None,
    folder: str | Path | None = None,
    executor: Executor | Literal["ray"] | None = None,
    cpus: int = 1,
    gpus: float = 0,
    logger: bool = False,
    protocol: Mapping[str, Any] | None = None,
    progress: bool = True,
) -> Result:
    """Run every strategy on every seed, paired: equal starts and equal gradient steps.

    For each seed all strategies share the initial annotated set, the initial weights (where
    their networks are the same) and the order of the data; separate random streams serve
    initialization, training and selection. The global random state is left as it was.

    Where no strategy draws its samples uniformly, ``"uniform"`` is added: network and training of
    the first one, with the samples drawn as by ``UniformStrategy``.

    With a ``folder`` every finished round is on the disk. Killed at any moment and called again
    in the same way, it goes on with the unfinished rounds, and ends in the same records as without
    the interruption, seconds and memory aside. ``records.csv`` grows by a row a round;
    ``alkit.load(folder)`` reads it, also meanwhile. A strategy of your own that remembers more
    than its weights from round to round must be able to tell it from the pool.

    Args:
        strategies: name to a function ``(pool, seed) -> strategy``, unbuilt or built, which
            must use that pool.
        dataset: the samples, with labels; each run has a pool of its own over it.
        seeds: one trial each.
        rounds: rounds a trial; the last one is not followed by a query.
        query_size: labels a round, those for a validation pool included.
        initial: samples annotated at the start, drawn uniformly. Default: ``query_size``.
        max_steps: gradient steps a round, for every strategy.
        warm_start: train on from the weights of the round before, in place of the initial ones.
        ceiling: gradient steps of the first strategy's model trained on all labels, once a seed;
            ``protocol["ceiling"]`` has the results. Default: it is not trained.
        without: names of strategies to leave out, ``["uniform"]`` as well.
        metric: the test result that curves and tables show. Default: the first that is no loss.
        folder: where to write.
        executor: any ``concurrent.futures.Executor``, whose workers see the folder, or ``"ray"``:
            the Ray cluster that is there, else one of this machine. Default: one trial after
            another. Threads take turns, since torch has one stream of random numbers a process.
        cpus: of a trial in another process: its torch threads, and what Ray reserves for it.
        gpus: what Ray reserves for a trial.
        logger: write for TensorBoard too, each trial as a run of its own, into ``tensorboard`` in
            the folder (or here, without one); see ``alkit.loop.tensorboard.Board``.
        protocol: what else to say of how it was made.
        progress: show strategy, seed, round, result and the time that is left.

    Raises:
        ConfigurationError: what is known to be wrong before any training: sizes that do not fit
            the dataset, strategies that cannot be compared, a metric that is not there, factories
            that cannot be sent to other processes.
        FolderError: the folder cannot be written, is in use, holds another comparison or a
            damaged file. What was finished stays there.
        MissingPackageError: tensorboard is not installed, with ``logger``.
        TrialError: trials failed in their workers, after all others have finished.
    """
    seeds = check_seeds(seeds)
    if not strategies or not seeds:
        raise ConfigurationError("compare needs at least one strategy and one seed.")
    plan = Plan(
        rounds, query_size, query_size if initial is None else initial, max_steps, warm_start
    )
    check_plan(plan, len(dataset))
    left_out = _names(without, strategies)
    arms = {name: factory for name, factory in strategies.items() if name not in left_out}
    if not arms or CEILING in arms:
        raise ConfigurationError(
            f"a strategy cannot be named {CEILING!r}." if arms else "all strategies are left out."
        )
    looks = {name: look(Trial(name, seeds[0], f, dataset, plan)) for name, f in arms.items()}
    if UNIFORM not in (*arms, *left_out) and not any(seen.uniform for seen in looks.values()):
        arms = {UNIFORM: Uniform(next(iter(arms.values()))), **arms}
        looks = {UNIFORM: look(Trial(UNIFORM, seeds[0], arms[UNIFORM], dataset, plan)), **looks}
    metric = check_looks(looks, plan, len(dataset), metric)
    drawn = [name for name in arms if name == UNIFORM or looks[name].uniform]
    events = None
    if logger:
        check_installed()
        events = str(Path(folder or ".") / "tensorboard")
    trials = [
        Trial(name, seed, f, dataset, plan, events) for seed in seeds for name, f in arms.items()
    ]
    if ceiling is not None:
        trials += ceiling_trials(next(iter(arms.values())), dataset, seeds, ceiling)
    made = {
        **(protocol or {}),
        "strategies": list(arms),
        "made": {name: seen.description for name, seen in looks.items()},
        "reference": [*drawn, *arms][0],
        "seeds": seeds,
        "rounds": rounds,
        "initial": plan.initial,
        "query_size": query_size,
        "max_steps": max_steps,
        "start": "warm" if warm_start else "reset every round",
        "ceiling_steps": ceiling,
        "samples": len(dataset),
        "labels": fingerprint(dataset),
        **({} if metric is None else {"metric": metric}),
        **packages(),
        "torch_threads": torch.get_num_threads() if executor is None else cpus,
    }
    return run(trials, made, folder, executor, cpus, gpus, progress)


def packages() -> dict[str, str]:
    """The versions of what makes the numbers."""
    return {**{name: version(name) for name in PACKAGES}, "python": platform.python_version()}


def _names(without: Iterable[str], strategies: Mapping[str, Factory]) -> list[str]:
    names = [without] if isinstance(without, str) else list(without)
    for name in names:
        if name not in (UNIFORM, *strategies):
            there = likely(name, (UNIFORM, *strategies))
            raise ConfigurationError(f"without={name!r}: there is no strategy of that name{there}")
    return names
