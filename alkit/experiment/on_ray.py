"""Run trials as Ray tasks, on the running cluster or on this machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from secrets import token_hex
from types import ModuleType
from typing import Any

from alkit.errors import ConfigurationError
from alkit.experiment.executors import Event, Failure, Key, held, threads
from alkit.experiment.trial import State, Trial

TRIES = 3  # attempts per round: workers may die for unrelated reasons, such as lack of memory


def on_ray(
    trials: Sequence[Trial], states: Mapping[Key, State], cpus: int, gpus: float
) -> Iterator[Event]:
    """Yield the states of each trial as its worker sends them; replace workers that die.

    The new worker resumes from the last state received, so a finished round is never lost.
    Workers need not share a folder with this process. If Ray is not running, it is started, and
    shut down at the end.

    Args:
        trials: the unfinished trials.
        states: their last known states.
        cpus: CPUs that a trial reserves, which is also its number of torch threads.
        gpus: GPUs that a trial reserves.
    """
    try:
        ray = import_module("ray")
    except ImportError as error:
        raise ConfigurationError("executor=\"ray\" needs Ray: pip install 'alkit[ray]'.") from error
    ours = not ray.is_initialized()
    if ours:
        ray.init(include_dashboard=False, log_to_driver=False)
    running: dict[Any, Trial] = {}
    try:
        _check_resources(ray, cpus, gpus)
        remote = ray.remote(_work).options(
            num_returns="streaming", max_retries=0, num_cpus=cpus, num_gpus=gpus
        )
        data, token = ray.put(trials[0].dataset) if trials else None, token_hex()
        last, failed = dict(states), dict.fromkeys((trial.key for trial in trials), 0)

        def start(trial: Trial) -> None:
            alone = replace(trial, dataset=None)  # the dataset is sent once, not with each trial
            running[remote.remote(alone, data, token, last.get(trial.key), cpus)] = trial

        for trial in trials:
            start(trial)
        while running:
            ready, _ = ray.wait(list(running), num_returns=1)
            stream = ready[0]
            trial = running[stream]
            try:
                state = ray.get(next(stream))
            except StopIteration:
                del running[stream]
            except Exception as error:
                del running[stream]
                failed[trial.key] += 1
                again = failed[trial.key] < TRIES
                before = last.get(trial.key)
                yield Failure(trial, 0 if before is None else len(before.rows), error, again)
                if again:
                    start(trial)
            else:
                failed[trial.key] = 0
                known = last.get(trial.key)
                kept = state.weights or (None if known is None else known.weights)
                last[trial.key] = replace(state, weights=kept)
                yield trial, state
    finally:
        for stream in running:
            ray.cancel(stream, force=True)
        if ours:
            ray.shutdown()


def _work(
    trial: Trial, dataset: object, token: str, state: State | None, cpus: int
) -> Iterator[State]:
    with threads(cpus):
        yield from replace(trial, dataset=held(token, dataset)).run(state)


def _check_resources(ray: ModuleType, cpus: int, gpus: float) -> None:
    there = ray.cluster_resources()
    for name, needed in (("CPU", cpus), ("GPU", gpus)):
        if needed > there.get(name, 0):
            raise ConfigurationError(
                f"a trial asks for {needed} {name}, and Ray has {there.get(name, 0):g}: it would "
                f"wait forever. Reduce {name.lower()}s=, or start Ray with more."
            )
