"""TOML files that people edit: lines of their values, and text of new values.

The standard library reads TOML, but neither names the line of a value nor writes. A writer from
PyPI would drop the comments; strings of JSON are strings of TOML, so the rest is a few lines.
"""

from __future__ import annotations

import json
import tomllib
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from alkit.errors import ProjectError

Place = tuple[str | int, ...]  # keys and positions: ("classes", 2) is the third class
CLOSERS = ("", "]", "]]", "]}", "]]}", '"""', "'''")  # what a value that is cut off may lack


def line_of(text: str, place: Place) -> int | None:
    """Line of a value in a valid TOML text, from 1; None if it is not there.

    It is the first line up to which the text has the value: the text is cut off after a line, and
    the value that the cut goes through is closed. Cost: O(log lines) reads of the text.
    """
    if not place or not _has(tomllib.loads(text), place):
        return None
    lines = text.split("\n")
    cut = range(1, len(lines) + 1)
    return 1 + bisect_left(cut, True, key=lambda end: _has(_start(lines, end), place))


def _start(lines: Sequence[str], end: int) -> dict[str, Any]:
    """The values of the first lines, or of fewer of them if these cannot be read on their own."""
    for last in range(end, 0, -1):
        text = "\n".join(lines[:last]) + "\n"
        for closer in CLOSERS:
            try:
                return tomllib.loads(text + closer)
            except tomllib.TOMLDecodeError:
                continue
    return {}


def _has(value: Any, place: Place) -> bool:
    for part in place:
        try:
            value = value[part]
        except (LookupError, TypeError):
            return False
    return True


def value_text(value: Any) -> str:
    """A value as TOML: text, bool, number, time, list or table (on one line).

    Raises:
        ProjectError: a value of another kind, or a text that is not Unicode.
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return repr(int(value))  # numpy's numbers have another repr
    if isinstance(value, float):
        return repr(float(value))
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        pairs = (f"{key_text(key)} = {value_text(part)}" for key, part in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, str) and _is_unicode(value):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
    if not isinstance(value, list | tuple):
        raise ProjectError(f"{value!r} cannot be written to a TOML file.")
    parts = [value_text(part) for part in value]
    short = f"[{', '.join(parts)}]"
    return short if len(short) <= 80 else "[\n    " + ",\n    ".join(parts) + ",\n]"


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def key_text(key: str) -> str:
    """A key as TOML: bare if it may be."""
    bare = key.isascii() and key.replace("-", "a").replace("_", "a").isalnum()
    return key if bare else value_text(key)
