"""Checks of arguments, and the likely meaning of a wrong one for the message."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from numbers import Real
from typing import Any

from alkit.errors import ArgumentError, ConfigurationError, close, likely


def check_number(name: str, value: object, expected: str, fits: Callable[[Any], bool]) -> None:
    """Raise a ConfigurationError unless an argument is a finite number that fits.

    Args:
        name: name of the argument, for the message.
        value: value of the argument.
        expected: description of the values that fit, for the message.
        fits: test of a finite number.
    """
    if (
        not isinstance(value, Real)
        or isinstance(value, bool)
        or not math.isfinite(float(value))
        or not fits(value)
    ):
        raise ConfigurationError(f"{name} must be {expected}, got {value!r}.")


def check_integer(name: str, value: object, least: int = 1) -> int:
    """Return an argument as an int.

    Args:
        name: name of the argument, for the message.
        value: value of the argument, of any integer type.
        least: smallest value that fits.

    Raises:
        ConfigurationError: it is not an integer, or is too small.
    """
    number = as_integer(value)
    if number is None or number < least:
        raise ConfigurationError(f"{name} must be an integer of at least {least}, got {value!r}.")
    return number


def check_integers(name: str, values: Any, example: list[int]) -> list[int]:
    """Return an argument as a list of integers of at least 1; it may be empty.

    Raises:
        ConfigurationError: it is not a sequence of these; the message has the example.
    """
    listed = isinstance(values, Iterable) and not isinstance(values, str | Mapping | Set)
    numbers = [as_integer(value) for value in values] if listed else [None]
    found = [number for number in numbers if number is not None and number >= 1]
    if len(found) < len(numbers):
        hint = f" Did you mean [{values}]?" if as_integer(values) else ""
        raise ConfigurationError(
            f"{name} must be a list of integers of at least 1, such as {example}, got {values!r}."
            f"{hint}"
        )
    return found


def as_integer(value: object) -> int | None:
    """Convert an integer of any type, but not a bool; None for anything else."""
    if isinstance(value, bool):
        return None
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        return None


def check_keywords(owner: str, given: Iterable[str], names: Iterable[str]) -> None:
    """Raise an ArgumentError for a keyword argument that the owner does not have."""
    names = list(names)
    for name in given:
        if name not in names:
            raise ArgumentError(f"{owner} has no argument {name!r}{likely(name, names)}")


def meant(value: object, family: type) -> str:
    """Return " Did you mean X()?" for a class, or for the name of a subclass; else nothing."""
    if isinstance(value, type):
        return f" Did you mean {value.__name__}()?"
    names = {name.lower(): name for name in _names(family)}
    near = close(value.lower().replace("_", ""), names) if isinstance(value, str) else []
    return f" Did you mean {names[near[0]]}()?" if near else ""


def _names(family: type) -> Iterator[str]:
    for kind in family.__subclasses__():
        yield from _names(kind)
        if not kind.__name__.startswith("_"):
            yield kind.__name__
