"""Independent random streams from one seed, so that one purpose never affects another."""

from __future__ import annotations

import hashlib
import threading
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
    """A seed for a call without one, from torch's global generator, which is not advanced.

    After ``torch.manual_seed(0)`` or ``seed_everything(0)`` the same calls give the same seeds, in
    a new process or again in this one; consecutive calls give different ones. In a process that
    was never seeded, torch seeds its generator from the operating system, so every process differs.
    """
    return _drawn.next()


class _Drawn:
    """Number of seeds drawn at the present state of torch's generator since it was seeded."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state = b""
        self._seeding: object = None
        self._count = 0

    def next(self) -> int:
        with self._lock:
            state = hashlib.sha256(torch.get_rng_state().numpy().tobytes()).digest()
            seeding = _last_seeding()
            same = state == self._state and seeding is self._seeding
            self._count = self._count + 1 if same else 0
            self._state, self._seeding = state, seeding
            return derive(int.from_bytes(state), "fresh", self._count)


def _last_seeding() -> object:
    """An object that ``torch.manual_seed`` replaces, also by the same seed, or None.

    Torch 2.6 to 2.14 keep the last call for Intel GPUs that are not initialized, on every machine.
    Elsewhere a second seeding by the same seed is noticed only if the generator moved in between.
    """
    tracker = getattr(getattr(torch, "xpu", None), "_lazy_seed_tracker", None)
    return getattr(tracker, "manual_seed_all_cb", None)


_drawn = _Drawn()
