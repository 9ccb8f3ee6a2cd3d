"""Settings read from the tables of a TOML file, each checked against the kind of its field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any, TypeVar, cast, get_type_hints

from alkit.errors import ProjectError, likely
from alkit.project.toml import Place

T = TypeVar("T")
EXPECTED = {
    str: "a text",
    str | None: "a text",
    int: "a whole number",
    float: "a number",
    tuple[str, ...]: "a list of texts",
    dict[str, Any]: "a table",
    datetime | None: "a date and time",
}


def wrong(message: str, *at: str | int) -> ProjectError:
    """Error about the setting at a place."""
    error = ProjectError(message)
    error.at = at
    return error


def built(cls: type[T], values: Mapping[str, Any], at: Place = ()) -> T:
    """An object of a dataclass from the values of its table.

    Raises:
        ProjectError: an unknown or missing setting, or a value of another kind; it has its place.
    """
    kinds = get_type_hints(cls)
    for key in values:
        if key not in kinds:
            table = f" in [{'.'.join(map(str, at))}]" if at else ""
            raise wrong(f"unknown setting {key!r}{table}{likely(key, kinds)}", *at, key)
    for part in fields(cls):  # type: ignore[arg-type]
        missing = part.name not in values and part.default is part.default_factory
        if missing:
            raise wrong(f"the setting {part.name!r} is missing.", *at)
    given = {key: _value(kinds[key], value, (*at, key)) for key, value in values.items()}
    try:
        return cls(**given)
    except ProjectError as error:
        raise wrong(str(error), *at, *error.at) from None


def _value(kind: Any, value: Any, at: Place) -> Any:
    """A value of the kind that a setting has."""
    if is_dataclass(kind):
        if not isinstance(value, dict):
            raise wrong(f"[{at[-1]}] must be a table, got {value!r}.", *at)
        return built(cast(type, kind), value, at)
    if kind == tuple[str, ...]:
        if isinstance(value, list):
            return tuple(value)
        right = False
    elif kind is float:
        right = isinstance(value, int | float) and not isinstance(value, bool)
    elif kind == dict[str, Any]:
        right = isinstance(value, dict)
    else:
        right = isinstance(value, kind) and not isinstance(value, bool)
    if not right:
        raise wrong(f"{at[-1]} must be {EXPECTED[kind]}, got {value!r}.", *at)
    return value
