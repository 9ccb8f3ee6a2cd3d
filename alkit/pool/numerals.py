"""Numbers in the texts of a file of labels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)(\.0*)?")


def is_a_number(text: str) -> bool:
    return not isinstance(real(text), str)


def integer(text: str) -> int | str:
    return int(text.partition(".")[0]) if _INTEGER.fullmatch(text) else text


def real(text: str) -> float | str:
    if "_" in text or not text.isascii():  # Python reads 1_000 as a number, people do not
        return text
    try:
        return float(text)
    except ValueError:
        return text


def numbers_or_texts(texts: Sequence[str]) -> list[Any]:
    numbers = [integer(text) for text in texts]
    whole = not any(isinstance(number, str) for number in numbers)
    fraction = any("." in text for text in texts)
    if not whole or (fraction and min(numbers) < 0):  # type: ignore[type-var]
        numbers = [real(text) if repr(real(text)) == text else integer(text) for text in texts]
    finite = all(repr(number)[-1].isdigit() for number in numbers)  # neither nan nor text
    exact = len(set(numbers)) == len(set(texts))  # no two texts are the same number
    return numbers if finite and exact else list(texts)


def class_numbers_of(labels: object) -> np.ndarray | None:
    """Labels as class numbers ``(n,)``; None if they are others, such as tags of each word."""
    try:
        numbers = np.asarray(labels)
    except ValueError:  # arrays of different lengths
        return None
    fits = numbers.ndim == 1 and numbers.dtype.kind in "iub" and numbers.min(initial=0) >= 0
    return numbers.astype(np.int64) if fits else None
