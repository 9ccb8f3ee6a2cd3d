"""Run trials to their end, wherever they run, saving every round."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence, Sized
from concurrent.futures import Executor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

from alkit.errors import ConfigurationError, TrialError
from alkit.evidence.records import in_order
from alkit.evidence.records_csv import Row
from alkit.experiment.checks import check_plan
from alkit.experiment.executors import Event, Failure, Key, go_on, in_executor, one_by_one
from alkit.experiment.folder import Folder
from alkit.experiment.progress import Progress
from alkit.experiment.trial import Factory, Plan, State, Trial
from alkit.lock import locked
from alkit.reporting.result import Result

CEILING = "ceiling"  # name of the trials on all labels; they are not part of the records


def run(
    trials: Sequence[Trial],
    protocol: dict[str, Any],
    folder: str | Path | None,
    executor: Executor | Literal["ray"] | None = None,
    cpus: int = 1,
    gpus: float = 0,
    progress: bool = True,
) -> Result:
    """Run trials to their end, resuming from the states in the folder, and save every round."""
    with ExitStack() as stack:
        if folder is None and executor is not None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="alkit-"))
        store: Folder | None = None
        states: dict[Key, State] = {}
        if folder is not None:
            stack.enter_context(locked(Path(folder)))
            store = Folder(Path(folder), protocol)
            found = {trial.key: store.files(trial).read() for trial in trials}
            states = {k: state for k, state in found.items() if state is not None}
            store.open(_compared(states))
        done = sum(len(state.rows) for state in states.values())
        total = sum(trial.plan.rounds for trial in trials)
        bar = stack.enter_context(
            Progress(total, done, trials[0].plan.rounds, protocol.get("metric"), progress)
        )
        left = [t for t in trials if t.key not in states or not states[t.key].finished]
        failures: list[Failure] = []
        if store is not None:
            for trial in left:
                go_on(store.files(trial))
        for event in _events(left, states, store, executor, cpus, gpus):
            if isinstance(event, Failure):
                failures.append(event)
                bar.tell(f"{event}{' (retrying)' if event.again else ''}")
                continue
            trial, state = event
            before = states.get(trial.key)
            if store is not None and (executor is None or executor == "ray"):
                store.files(trial).write(state)
            states[trial.key] = state
            rows = state.rows[0 if before is None else len(before.rows) :]
            if store is not None and trial.name != CEILING:
                store.add(rows, _compared(states))
            bar.show(rows)
        result = Result([row for s in _compared(states) for row in s.rows], dict(protocol))
        result.rows = in_order(result.rows, protocol)
        result.protocol.update(_known_at_the_end(states, failures))
        if store is not None:
            store.open(_compared(states), **_known_at_the_end(states, failures))
    lost = [failure for failure in failures if not failure.again]
    if lost:
        kept = "" if store is None else f" alkit.load({str(folder)!r}) has the finished rounds."
        error = TrialError(f"{len(lost)} of {len(trials)} trials failed. {lost[0]}.{kept}")
        error.result = result
        raise error from lost[0].error
    return result


def ceiling_trials(
    factory: Factory, dataset: Sized, seeds: Iterable[int], steps: int
) -> list[Trial]:
    """Trials of one round on all labels."""
    plan = Plan(1, 1, len(dataset), steps)
    check_plan(plan, len(dataset))
    return [Trial(CEILING, seed, factory, dataset, plan) for seed in seeds]


def ceilings(rows: Iterable[Row]) -> dict[str, list[float]]:
    """Test results by name, one value per seed."""
    found: dict[str, list[float]] = {}
    for row in rows:
        for name, value in row.items():
            if name.startswith("test"):
                found.setdefault(name, []).append(value)
    return found


def _events(
    trials: Sequence[Trial],
    states: Mapping[Key, State],
    store: Folder | None,
    executor: Executor | Literal["ray"] | None,
    cpus: int,
    gpus: float,
) -> Iterable[Event]:
    if executor is None:
        return one_by_one(trials, states)
    if isinstance(executor, Executor) and store is not None:
        return in_executor(executor, trials, store.files, cpus)
    if executor == "ray":
        from alkit.experiment.on_ray import on_ray

        return on_ray(trials, states, cpus, gpus)
    raise ConfigurationError(
        f'executor must be a concurrent.futures.Executor or "ray", got {executor!r}.'
    )


def _compared(states: Mapping[Key, State]) -> list[State]:
    return [state for (name, _), state in states.items() if name != CEILING]


def _known_at_the_end(states: Mapping[Key, State], failures: Sequence[Failure]) -> dict[str, Any]:
    rows = [row for (name, _), s in states.items() if name == CEILING for row in s.rows]
    found = ceilings(sorted(rows, key=lambda row: row["seed"]))
    return {
        **({"ceiling": found} if found else {}),
        **({"failures": [str(failure) for failure in failures]} if failures else {}),
    }
