"""The likely spelling of a name that does not exist."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def close(name: str, names: Iterable[str]) -> list[str]:
    """Those of `names` that `name` may be a misspelling of, nearest first."""
    return get_close_matches(name, list(names), n=3, cutoff=0.7)


def likely(name: str, names: Iterable[str]) -> str:
    """The end of a message about an unknown `name`: the near spellings, or all there are."""
    names = list(dict.fromkeys(names))
    if near := close(name, names):
        return f". Did you mean {' or '.join(map(repr, near))}?"
    return f"; there is {', '.join(names)}." if names else "."
