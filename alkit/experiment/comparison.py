"""Comparison of strategies: paired trials, saved after every round, on one or more machines."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import torch

from alkit.errors import ConfigurationError, likely
from alkit.experiment.arguments import check_dataset, check_options, check_strategies
from alkit.experiment.checks import (
    Look,
    check_looks,
    check_plan,
    check_seeds,
    directions,
    hash_of_labels,
    look,
)
from alkit.experiment.data import content, contents
from alkit.experiment.run import CEILING, ceiling_trials, run
from alkit.experiment.stand_ins import Uniform
from alkit.experiment.termination import ends_when_terminated
from alkit.experiment.trial import Factory, Plan, Trial
from alkit.launched import check_alone
from alkit.loop.tensorboard import check_installed
from alkit.reporting.result import Result

UNIFORM = "uniform"
PACKAGES = ("alkit", "torch", "lightning", "torchmetrics", "numpy")


@ends_when_terminated
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
    """Run every strategy on every seed, paired: same initial state, same number of gradient steps.

    For each seed, all strategies share the initial annotated set, the initial weights (if their
    networks are the same) and the order of the data. Initialization, training and selection use
    separate random streams. The global random state is left unchanged.

    If no strategy draws its samples uniformly, ``"uniform"`` is added: network and training of
    the first strategy, with samples drawn as by ``UniformStrategy``.

    With a ``folder``, every finished round is saved to disk. You can kill the comparison at any
    time; make the same call again and it resumes with the unfinished rounds. The records are the
    same as without the interruption, except for seconds and memory. ``records.csv`` grows by one
    row per round; ``alkit.load(folder)`` reads it, even during the run. A custom strategy that
    keeps more than its weights between rounds must be able to recover it from the pool.

    Args:
        strategies: mapping from a name to a function ``(pool, seed) -> strategy``. The strategy,
            built or not, must use that pool.
        dataset: the samples, with labels; each trial has its own pool over it.
        seeds: seeds of the trials; each strategy runs one trial per seed.
        rounds: number of rounds per trial; no query follows the last one.
        query_size: number of labels per round, including those for a validation pool.
        initial: number of samples annotated at the start, drawn uniformly. Default:
            ``query_size``.
        max_steps: gradient steps per round, for every strategy.
        warm_start: True to continue training from the weights of the previous round instead of
            the initial ones.
        ceiling: gradient steps to train the first strategy's model on all labels, once per seed;
            ``protocol["ceiling"]`` holds the results. Default: do not train it.
        without: names of strategies to leave out; may include ``"uniform"``.
        metric: test result that curves and tables show. Default: the first that is not a loss.
        folder: folder to write to.
        executor: any ``concurrent.futures.Executor`` whose workers can access the folder, or
            ``"ray"`` for the running Ray cluster, or else a new one on this machine. Default: run
            one trial after another. Threads take turns, since torch has one random stream per
            process.
        cpus: torch threads of a trial in another process, and the CPUs that Ray reserves for it.
        gpus: GPUs that Ray reserves for a trial.
        logger: True to log to TensorBoard as well, each trial as a separate run, in
            ``tensorboard`` within the folder (or the current directory if no folder is given); see
            ``alkit.loop.tensorboard.Board``.
        protocol: further entries for the protocol.
        progress: True to show strategy, seed, round, result and remaining time.

    Raises:
        ConfigurationError: an error found before any training: sizes that do not fit the dataset,
            strategies that cannot be compared, an unknown metric, or factories that cannot be sent
            to other processes.
        FeaturesError: found before any training as well: given features of another number or other
            names than the samples, or an unknown network of torchvision.
        FolderError: the folder cannot be written, is in use, or holds another comparison or a
            damaged file. Finished results are kept.
        MissingPackageError: ``logger`` is True, but tensorboard is not installed.
        TrialError: trials failed in their workers. It is raised after all others have finished.
        SystemExit: SIGTERM, with the status 143. What is finished is kept, and a line says so.
    """
    check_alone("compare")
    seeds = check_seeds(seeds)
    check_strategies(strategies)
    without = [without] if isinstance(without, str) else without
    check_options(
        without=without,
        metric=metric,
        folder=folder,
        protocol=protocol,
        cpus=cpus,
        gpus=gpus,
        warm_start=warm_start,
        logger=logger,
        progress=progress,
    )
    check_dataset(dataset)
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
            f"a strategy cannot be named {CEILING!r}." if arms else "all strategies were left out."
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
        "labels": hash_of_labels(dataset),
        "data": content(dataset),
        "parts": parts_of(looks),
        **({} if metric is None else {"metric": metric}),
        **directions(looks),
        **packages(),
        "torch_threads": torch.get_num_threads() if executor is None else cpus,
    }
    return run(trials, made, folder, executor, cpus, gpus, progress)


def parts_of(looks: Mapping[str, Look]) -> dict[str, dict[str, Any]]:
    """Description of all that decides the results of each strategy, its test data included."""
    data = {(name, "test"): seen.test for name, seen in looks.items()}
    data |= {(name, "val"): seen.val for name, seen in looks.items() if seen.val is not None}
    found = contents(data)
    return {
        name: {**seen.parts, "test": found[name, "test"], "val": found.get((name, "val"))}
        for name, seen in looks.items()
    }


def packages() -> dict[str, str]:
    """Versions of Python and of the packages that determine the results."""
    return {**{name: version(name) for name in PACKAGES}, "python": platform.python_version()}


def _names(without: Iterable[str], strategies: Mapping[str, Factory]) -> list[str]:
    names = [without] if isinstance(without, str) else list(without)
    for name in names:
        if name not in (UNIFORM, *strategies):
            there = likely(name, (UNIFORM, *strategies))
            raise ConfigurationError(f"without={name!r}: no strategy has that name{there}")
    return names
