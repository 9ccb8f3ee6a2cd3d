"""Leases: samples that lie before somebody, so that nobody else gets them meanwhile."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import NamedTuple


class Seat(NamedTuple):
    """A place at the desk: a person, in one tab of a browser."""

    person: str
    tab: str


class Leases:
    """The seat that has each sample, for a limited time. Not safe for threads.

    The time is that of ``time.monotonic``, which no change of the clock affects.

    Args:
        seconds: duration of a lease, unless it is renewed.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._held: dict[str, tuple[Seat, float]] = {}

    def take(self, name: str, seat: Seat) -> bool:
        """Give a sample to a seat, or renew its lease; False if another seat has it."""
        now = time.monotonic()
        holder, end = self._held.get(name, (seat, now))
        if holder != seat and end > now:
            return False
        self._held[name] = seat, now + self.seconds
        return True

    def holder(self, name: str) -> Seat | None:
        """The seat that has a sample now; None if it is free."""
        seat, end = self._held.get(name, (None, 0.0))
        return seat if end > time.monotonic() else None

    def end(self, name: str) -> None:
        """End the lease of a sample, if it has one."""
        self._held.pop(name, None)

    def release(self, seat: Seat, keep: Collection[str] = ()) -> None:
        """End the leases of a seat, except those of some samples."""
        for name, (holder, _) in list(self._held.items()):
            if holder == seat and name not in keep:
                del self._held[name]

    def names(self, besides: Seat | None = None) -> set[str]:
        """Samples that seats have now, except those of one seat."""
        now = time.monotonic()
        self._held = {name: lease for name, lease in self._held.items() if lease[1] > now}
        return {name for name, (holder, _) in self._held.items() if holder != besides}
