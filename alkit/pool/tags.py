"""Labels that are on, by their names, and labels of several values in the cells of a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any


def on_or_off(tags: list[Any], labels: int, number: Callable[[str], int]) -> list[Any] | None:
    """Vector of 0 and 1 of a list of the names that are on; a list of other values as it is.

    None if a name appears twice.

    Args:
        tags: a label of a sample.
        labels: number of labels.
        number: number of a name.
    """
    if not all(isinstance(tag, str) for tag in tags):
        return tags
    on = [number(tag) for tag in tags]
    return [int(k in on) for k in range(labels)] if len(set(on)) == len(on) else None


def arrays_or_texts(texts: Sequence[str]) -> list[Any]:
    """Cells of a file that hold lists or boxes, as ``Query.save`` writes them; else the text."""
    return [_array_or_text(text) for text in texts]


def _array_or_text(text: str) -> Any:
    if not text.startswith(("[", "{")):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text
