"""Independent random streams from one seed, so that one purpose never affects another."""

from __future__ import annotations

import secrets
import zlib
from numbers import Integral
from typing import Any

import numpy as np
import torch

from alkit.errors import ConfigurationError


def derive(seed: int, *purpose: str | int) -> int:
    """A seed for one purpose: ``derive(7, "order", 3)`` is independent of ``derive(7, "select")``.

    Returns a 63-bit integer. The same arguments give the same integer on every machine.
    """
    words = [zlib.crc32(part.encode()) if isinstance(part, str) else part for part in purpose]
    sequence = np.random.SeedSequence(seed, spawn_key=words)
    return int(sequence.generate_state(1, np.uint64)[0]) >> 1


def check_seed(seed: Any) -> int:
    """Return a seed as an integer, or raise a ConfigurationError.

    Raises:
        ConfigurationError: it is not an integer from 0 to 2**63 - 1.
    """
    whole = isinstance(seed, Integral) and not isinstance(seed, bool)
    if not whole or not 0 <= int(seed) < 2**63:
        raise ConfigurationError(
            f"seed must be an integer from 0 to 2**63 - 1, or None for a fresh one, got {seed!r}."
        )
    return int(seed)


def generator(seed: int, *purpose: str | int) -> torch.Generator:
    """A torch generator (CPU) for one purpose."""
    return torch.Generator().manual_seed(derive(seed, *purpose))


def fresh_seed() -> int:
    """A seed from the operating system, used when none is given."""
    return secrets.randbits(63)
