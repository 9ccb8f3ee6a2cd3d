"""Checks of rounds, query sizes and seeds."""

from __future__ import annotations

from numbers import Integral
from typing import TypeGuard

import numpy as np

from alkit.errors import ConfigurationError, QuerySizeError
from alkit.seeds import fresh_seed


def check_round(round: object) -> int:
    """Return ``round`` as an int of 0 or more that fits its 4 bytes, or raise an error."""
    if not is_whole(round) or not 0 <= round < 2**31 - 1:
        raise ConfigurationError(f"a round must be a whole number of at least 0, got {round!r}.")
    return int(round)


def check_query_size(n: object, left: int) -> int:
    """Return ``n`` as an int from 1 to the number of unannotated samples, or raise an error."""
    if not is_whole(n):
        raise QuerySizeError(f"expected a whole number of samples to query, got {n!r}.")
    if n < 1:
        raise QuerySizeError(f"expected at least 1 sample to query, got {n}.")
    if n > left:
        raise QuerySizeError(f"{n} samples were requested, but only {left} are unannotated.")
    return int(n)


def check_generator(seed: object) -> np.random.Generator:
    """Return a generator, that of ``seed`` or itself, or raise an error."""
    if isinstance(seed, bool):
        seed = str(seed)
    try:
        return np.random.default_rng(fresh_seed() if seed is None else seed)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise ConfigurationError(
            f"seed must be a whole number of at least 0 or a numpy Generator, got {seed!r}."
        ) from None


def is_whole(number: object) -> TypeGuard[int]:
    return isinstance(number, Integral) and not isinstance(number, bool)
