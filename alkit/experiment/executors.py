"""Run trials one after another, or in the workers of an executor."""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import token_hex
from typing import Any

import torch

from alkit.errors import ConfigurationError
from alkit.experiment.states import StateFiles
from alkit.experiment.termination import raise_end_of
from alkit.experiment.trial import State, Trial
from alkit.lock import locked

Key = tuple[str, int]
LOOK = 0.2  # seconds between checks of the files that the workers write
_HELD: dict[str, object] = {}  # dataset of the last comparison that this worker had, by its token


@dataclass(frozen=True)
class Failure:
    """A failed trial, with its round and error; ``again`` is True if it will be retried."""

    trial: Trial
    round: int
    error: BaseException
    again: bool = False

    def __str__(self) -> str:
        name, seed = self.trial.key
        what = f"{type(self.error).__name__}: {self.error}".strip().splitlines()[0].rstrip(".")
        return f"{name}, seed {seed}, failed in round {self.round + 1}: {what}"


Event = tuple[Trial, State] | Failure


def held(token: str, dataset: object) -> object:
    """The first dataset with this token that came to this process, with the features kept for it.

    A process keeps one dataset, until that of another comparison comes.
    """
    if token not in _HELD:
        _HELD.clear()
    return _HELD.setdefault(token, dataset)


class Sent:
    """A dataset that is the same object for all trials that one worker gets."""

    def __init__(self, dataset: object) -> None:
        self.dataset, self._token = dataset, token_hex()

    def __reduce__(self) -> Any:
        return held, (self._token, self.dataset)


def one_by_one(trials: Sequence[Trial], states: Mapping[Key, State]) -> Iterator[Event]:
    """Yield the states of each trial as they come; errors of trials are raised unchanged."""
    for trial in trials:
        try:
            for state in trial.run(states.get(trial.key)):
                yield trial, state
        except Exception as error:
            raise_end_of(error)
            raise


def in_executor(
    executor: Executor, trials: Sequence[Trial], files: Callable[[Trial], StateFiles], cpus: int
) -> Iterator[Event]:
    """Run trials as tasks of an executor; each task writes its own states.

    Args:
        executor: an executor on this machine, or on others that share its folders.
        trials: the unfinished trials.
        files: function from a trial to its state files.
        cpus: torch threads of a trial whose worker is another process.
    """
    if isinstance(executor, ProcessPoolExecutor):
        _check_picklable(trials)
    futures: dict[Future[None], Trial] = {}
    seen: dict[Key, int] = {}
    data = Sent(trials[0].dataset) if trials else None
    try:
        for trial in trials:
            at = files(trial)
            seen[trial.key] = _changed(at)
            sent = replace(trial, dataset=data)
            futures[executor.submit(work, sent, at, cpus, os.getpid())] = trial
        while futures:
            time.sleep(LOOK)
            ended = [future for future in futures if future.done()]
            for trial in list(futures.values()):
                at = files(trial)
                if (changed := _changed(at)) != seen[trial.key]:
                    seen[trial.key] = changed
                    state = at.read(weights=False)
                    if state is not None:
                        yield trial, state
            for future in ended:
                trial = futures.pop(future)
                if (error := future.exception()) is not None:
                    state = files(trial).read(weights=False)
                    yield Failure(trial, 0 if state is None else len(state.rows), error)
    finally:
        for future, trial in futures.items():
            if not future.cancel():
                with suppress(OSError):
                    files(trial).folder.mkdir(parents=True, exist_ok=True)
                    _last_round(files(trial)).touch()


def go_on(files: StateFiles) -> None:
    """Let a trial run again whose worker was asked to stop."""
    _last_round(files).unlink(missing_ok=True)


def work(trial: Trial, files: StateFiles, cpus: int, caller: int) -> None:
    """Run a trial to its end in a worker, writing every state."""
    if isinstance(trial.dataset, Sent):  # threads: it was not pickled
        trial = replace(trial, dataset=trial.dataset.dataset)
    with locked(files.folder), threads(cpus if os.getpid() != caller else None):
        for state in trial.run(files.read()):
            files.write(state)
            if _last_round(files).exists():  # the comparison was stopped
                return


@contextmanager
def threads(count: int | None) -> Iterator[None]:
    """Temporarily set the number of torch threads of this process; None leaves it unchanged."""
    before = torch.get_num_threads()
    try:
        if count is not None:
            torch.set_num_threads(count)
        yield
    finally:
        if count is not None:
            torch.set_num_threads(before)


def _last_round(files: StateFiles) -> Path:
    """File that asks the worker of a trial to stop after its present round."""
    return files.folder / ".stop"


def _changed(files: StateFiles) -> int:
    try:
        return (files.folder / "state.json").stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _check_picklable(trials: Sequence[Trial]) -> None:
    for trial in {trial.name: trial for trial in trials}.values():
        for what, part in (("factory", trial.factory), ("dataset", trial.dataset)):
            try:
                pickle.dumps(part)
            except Exception as error:
                raise ConfigurationError(
                    f"the {what} of {trial.name!r} cannot be sent to another process: {error}. "
                    "Define it at the top level of a module (not as a lambda or a nested "
                    'function), or use executor="ray" or a ThreadPoolExecutor.'
                ) from error
