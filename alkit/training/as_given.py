"""Callbacks and profilers that start each fit in the state in which they were first given."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from weakref import ReferenceType, ref

import lightning as L
from lightning.pytorch.callbacks import ProgressBar
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torch.utils.weak import WeakIdKeyDictionary

from alkit.blocks.copies import keep_shared
from alkit.errors import ConfigurationError, warn
from alkit.training.history import History


@dataclass
class _Given:
    state: dict[str, Any] | None  # attributes before the first use; None if they cannot be copied
    reason: str
    used_by: ReferenceType[object] | None = None


_given = WeakIdKeyDictionary()  # a dataclass that is a callback has no hash


def restart(parts: Iterable[object], user: object, learner: nn.Module) -> None:
    """Put callbacks or profilers that another Trainer used back into their first state, in place.

    Without this, an EarlyStopping that waited in one round would stop the next one too early. A
    ``History`` records all rounds and is left alone. Data sets, the learner and its parts are
    shared with the first state, everything else is copied.

    Args:
        parts: callbacks or profilers.
        user: the Trainer that is about to use them; a second fit of the same one continues.
        learner: the module that is trained.

    Raises:
        ConfigurationError: one that has to be put back cannot be copied.
    """
    parts = [part for part in parts if not isinstance(part, History | ProgressBar)]
    for part in parts:
        given = _given.get(part)
        if given is None:
            continue
        before = None if given.used_by is None else given.used_by()
        if before is user:
            continue
        if given.state is None:
            raise _refused(part, given.reason)
        _warn_of_loss(part, given.state)
        vars(part).clear()
        vars(part).update(copy.deepcopy(given.state, _shared(parts, given.state, learner)))
    for part in parts:
        if part not in _given:
            _given[part] = _as_it_is(part, parts, learner)
        _given[part].used_by = ref(user)


def check_restartable(callbacks: Iterable[L.Callback] | L.Callback | None) -> None:
    """Raise a ConfigurationError for a callback that could not start a second fit afresh."""
    for part in [callbacks] if isinstance(callbacks, L.Callback) else callbacks or []:
        if not isinstance(part, History | ProgressBar):
            given = _given.get(part) or _as_it_is(part, [part], None)
            if given.state is None:
                raise _refused(part, given.reason)


def _warn_of_loss(part: object, first: dict[str, Any]) -> None:
    """Warn that values which a user's callback collected in the last fit are discarded."""
    if type(part).__module__.startswith("lightning."):
        return
    for name, value in vars(part).items():
        before = first.get(name)
        if isinstance(value, list | dict | set) and len(value) > len(before or ()):
            warn(
                f"{type(part).__name__} begins each fit in the state in which it was first given, "
                f"so the {len(value)} entries of its {name!r} are discarded. Read them after each "
                "fit, or collect them in a variable outside of the callback."
            )


def _as_it_is(part: object, parts: list[object], learner: nn.Module | None) -> _Given:
    try:
        return _Given(copy.deepcopy(vars(part), _shared(parts, vars(part), learner)), "")
    except Exception as error:  # whatever an attribute raises when it is copied
        return _Given(None, f"{type(error).__name__}: {error}")


def _shared(parts: list[object], state: dict[str, Any], learner: nn.Module | None) -> dict:
    """Memo of a deep copy, with the objects that the copy shares."""
    memo: dict[int, Any] = {id(part): part for part in parts}
    if learner is not None:
        for module in learner.modules():
            memo[id(module)] = module
            memo.update((id(p), p) for p in module.parameters(recurse=False))
            for value in vars(module).values():
                if isinstance(value, Dataset | DataLoader | L.Trainer):
                    memo[id(value)] = value
    keep_shared(state, memo)
    return memo


def _refused(part: object, reason: str) -> ConfigurationError:
    name = type(part).__name__
    return ConfigurationError(
        f"One {name} for several fits must start each of them in its first state, and that cannot "
        f"be copied ({reason}). Create a new {name} for each fit; in a loop, pass a function that "
        f'returns the arguments of the Trainer: trainer=lambda: {{"callbacks": [{name}(...)]}}.'
    )
