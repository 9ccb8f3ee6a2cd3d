"""Processes of a distributed training that share a ledger: the first writes, the others follow."""

from __future__ import annotations

import time
from collections.abc import Sequence

from alkit.errors import AnnotationError
from alkit.pool.ledger import Entry, Ledger
from alkit.processes import rank

PATIENCE = 60.0  # seconds to wait for the first process
PAUSE = 0.01


def is_follower() -> bool:
    """True in a process of a distributed training that is not the first."""
    return rank() > 0


def wait_for(ledger: Ledger, entries: Sequence[Entry], after: int) -> None:
    """Wait until the first process has written the same answers, from the place ``after`` + 1.

    Raises:
        AnnotationError: it has not.
    """
    end = time.monotonic() + PATIENCE
    while True:
        written = [_answer(entry) for entry in ledger.entries(after)]
        missing = [entry for entry in entries if _answer(entry) not in written]
        if not missing:
            return
        if time.monotonic() > end:
            raise AnnotationError(
                f"the processes of a distributed training answer alike, and the first writes to "
                f"{ledger.path}: it has not written the answer of process "
                f"{rank()} about {missing[0].sample!r} within {PATIENCE:g} s. "
                "Annotate in all processes alike, or in the first alone and call pool.refresh() in "
                "the others."
            )
        time.sleep(PAUSE)


def _answer(entry: Entry) -> tuple[object, ...]:
    return entry.sample, entry.label, entry.reason
