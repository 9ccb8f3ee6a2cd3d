"""Declarations of the labels of a pool: names of classes, and values that mean "not annotated"."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Set
from typing import Any

from alkit.errors import ConfigurationError
from alkit.pool.labels import plain


def class_names(classes: Any) -> list[str]:
    names = plain(classes)
    if isinstance(names, str | bytes | Mapping | Set) or not isinstance(names, Iterable):
        names = None
    names = None if names is None else [plain(name) for name in names]
    if not names or not all(isinstance(name, str) and name.strip() for name in names):
        raise ConfigurationError(
            "classes must be a list of the names of the classes in the order of their numbers, "
            f'such as ["glass", "paper"], got {classes!r}.'
        )
    twice = [name for name, count in Counter(map(str.strip, names)).items() if count > 1]
    if twice:
        raise ConfigurationError(f"classes must be distinct, got {twice[0]!r} twice.")
    return names


def missing_values(missing: Any) -> list[Any]:
    values = plain(missing)
    values = list(values) if isinstance(values, list | Set) else [values]
    values = [plain(value) for value in values]
    if not all(value is None or isinstance(value, str | int | float) for value in values):
        raise ConfigurationError(
            "missing must be the label, or a list of labels, that means 'not annotated' in the "
            f"dataset, such as -1 or float('nan'), got {missing!r}."
        )
    return [value for value in values if value is not None]  # None is always missing
