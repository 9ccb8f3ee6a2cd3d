"""Checks of the kinds of arguments of a comparison, before anything is made of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from os import PathLike
from typing import Any

import numpy as np

from alkit.errors import ConfigurationError
from alkit.pool import ActiveLearningDataset
from alkit.strategies.learner import ActiveLearner

WANTED = "pass a function (pool, seed) -> strategy"


def check_strategies(strategies: Any) -> None:
    """Raise a ConfigurationError unless it maps names to factories."""
    if not isinstance(strategies, Mapping):
        raise ConfigurationError(
            "strategies must be a dict from names to functions (pool, seed) -> strategy, as in "
            f'{{"margin": make_margin}}, got {_short(strategies)}.'
        )
    for name, factory in strategies.items():
        if not isinstance(name, str):
            raise ConfigurationError(f"the name of a strategy must be text, got {name!r}.")
        check_factory(factory, name)


def check_factory(factory: Any, name: str | None = None) -> None:
    """Raise a ConfigurationError unless it can be called with a pool and a seed."""
    which = "the factory" if name is None else f"the factory of {name!r}"
    if isinstance(factory, ActiveLearner):
        raise ConfigurationError(
            f"{which} is a strategy, {type(factory).__name__}, but each trial makes its own over "
            f"its own pool: {WANTED} that makes it."
        )
    if isinstance(factory, type) and issubclass(factory, ActiveLearner):
        raise ConfigurationError(f"{which} is the class {factory.__name__}: {WANTED}.")
    if not callable(factory):
        raise ConfigurationError(f"{which} is {_short(factory)}: {WANTED}.")
    try:
        inspect.signature(factory).bind(None, 0)
    except TypeError as error:
        raise ConfigurationError(
            f"{which} cannot be called with a pool and a seed ({error}): {WANTED}."
        ) from error
    except ValueError:  # some functions written in C
        return


def check_options(**options: Any) -> None:
    """Raise a ConfigurationError for an option of the wrong kind, by the name of the option."""
    for name, value in options.items():
        right, wanted = OPTIONS[name]
        if not right(value):
            raise ConfigurationError(f"{name} must be {wanted}, got {_short(value)}.")


def check_dataset(dataset: Any) -> None:
    """Raise a ConfigurationError unless a pool can be made of the dataset."""
    ActiveLearningDataset(dataset)


def _is_text_or_list(value: object) -> bool:
    if isinstance(value, str):
        return True
    return isinstance(value, Iterable) and all(isinstance(name, str) for name in list(value))


def _is_count(value: object, least: float) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and value >= least  # type: ignore[operator]


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else type(value).__name__


def _is_truth(value: object) -> bool:
    return isinstance(value, bool | np.bool_)


OPTIONS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "folder": (lambda value: isinstance(value, str | PathLike | None), "a path or None"),
    "protocol": (lambda value: value is None or isinstance(value, Mapping), "a dict or None"),
    "without": (_is_text_or_list, "a list of names of strategies"),
    "metric": (lambda value: isinstance(value, str | None), "the name of a test result or None"),
    "cpus": (lambda value: isinstance(value, int) and _is_count(value, 1), "an integer above 0"),
    "gpus": (lambda value: _is_count(value, 0), "a number of at least 0"),
    **dict.fromkeys(("warm_start", "logger", "progress"), (_is_truth, "True or False")),
}
