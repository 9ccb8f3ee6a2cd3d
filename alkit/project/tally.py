"""Tally of a project's answers: numbers of labels and of samples that are left out."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Collection, Iterable

from alkit.pool.ledger import Entry, is_person

LABELED = "labeled"


class Tally:
    """Number of samples by state, brought up to date by each new entry of a ledger. O(1) each.

    Args:
        names: names of the samples that count.
        entries: entries of the ledger so far.
    """

    def __init__(self, names: Collection[str], entries: Iterable[Entry] = ()) -> None:
        self._names, self.total = frozenset(names), len(names)
        self.counts: Counter[str] = Counter()  # "labeled", and each reason to leave a sample out
        self.labels: Counter[str] = Counter()
        self._seen, self._lock = 0, threading.Lock()
        self._live: dict[str, list[Entry]] = {}
        self.take(entries)

    def take(self, entries: Iterable[Entry]) -> None:
        """Count entries, in the order of the ledger; those that are counted already are not."""
        for entry in entries:
            with self._lock:
                self._take(entry)

    def _take(self, entry: Entry) -> None:
        place, self._seen = self._seen, max(self._seen, entry.seq or 0)
        if entry.sample not in self._names or (entry.seq or 0) <= place:
            return
        live = self._live.setdefault(entry.sample, [])
        self._count(live, -1)
        if entry.undoes is None:
            live.append(entry)
        else:
            live[:] = [one for one in live if one.uid != entry.undoes]
        self._count(live, 1)

    def _count(self, live: list[Entry], step: int) -> None:
        if live:
            self.counts[live[-1].reason or LABELED] += step
            if live[-1].reason is None:
                self.labels[str(live[-1].label)] += step

    def by_machine(self, name: str) -> bool:
        """True for a sample that has a label, and no answer of a person."""
        live = self._live.get(name, ())
        return bool(live) and not any(is_person(entry.who) for entry in live)

    @property
    def labeled(self) -> int:
        """Number of samples with a label."""
        return self.counts[LABELED]

    @property
    def reasons(self) -> dict[str, int]:
        """Number of samples that are left out, by reason."""
        found = {reason: n for reason, n in self.counts.items() if n and reason != LABELED}
        return dict(sorted(found.items(), key=lambda item: -item[1]))
