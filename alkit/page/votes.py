"""Votes: the answers of people about each sample, and whose answer is still wanted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from alkit.pool.ledger import Entry, is_person


class Votes:
    """Answers that count, in memory: O(1) per entry and per person. Not safe for threads.

    A sample is answered once ``needed`` people have answered. If these then differ, each of them is
    asked once more; the later answer replaces the earlier one.

    Args:
        needed: number of people who answer about each sample.
    """

    def __init__(self, needed: int) -> None:
        self.needed = needed
        self.live: dict[str, Entry] = {}  # answers of people that are not undone, by uid, in order
        self.programs: set[str] = set()  # samples with an answer of a program
        self._answers: dict[str, list[Entry]] = {}
        self._waiting: dict[str, tuple[dict[str, None], dict[str, None]]] = {}

    def record(self, entry: Entry) -> None:
        """Take an entry of the ledger into account."""
        if entry.undoes is not None:
            undone = self.live.pop(entry.undoes, None)
            if undone is None:
                return
            answers = self._answers[entry.sample]
            answers.remove(undone)
            if not answers:
                del self._answers[entry.sample]
        elif is_person(entry.who):
            self.live[entry.uid] = entry
            self._answers.setdefault(entry.sample, []).append(entry)
        else:
            self.programs.add(entry.sample)
            return
        for person in self._waiting:
            self._note(person, entry.sample)

    def last(self, name: str) -> dict[str, Entry]:
        """The last answer of each person about a sample."""
        return {entry.who: entry for entry in self._answers.get(name, ())}

    def wants(self, name: str, person: str) -> bool:
        """Return whether an answer of this person about a sample is wanted."""
        answers = self._answers.get(name)
        if not answers or self.needed == 1:
            return not answers
        last = self.last(name)
        if person not in last:
            return len(last) < self.needed
        looks = sum(entry.who == person for entry in answers)
        return looks == 1 and self.is_disputed(name)

    def is_disputed(self, name: str) -> bool:
        """Return whether all people who are needed have answered, and their answers differ."""
        last = self.last(name)
        answers = {repr((entry.label, entry.reason)) for entry in last.values()}
        return len(last) >= self.needed > 1 and len(answers) > 1

    def waiting(self, person: str) -> Iterator[str]:
        """Answered samples that want an answer of this person: disputed ones, then the others."""
        if self.needed == 1:
            return
        if person not in self._waiting:
            self._waiting[person] = {}, {}
            for name in self._answers:
                self._note(person, name)
        for names in self._waiting[person]:
            yield from list(names)

    def past(self, person: str, n: int) -> list[Entry]:
        """The last n answers of a person, the latest one last."""
        return _first(n, (e for e in reversed(self.live.values()) if e.who == person))[::-1]

    def _note(self, person: str, name: str) -> None:
        again, more = self._waiting[person]
        again.pop(name, None)
        more.pop(name, None)
        if name in self._answers and self.wants(name, person):
            (again if self.is_disputed(name) else more)[name] = None


def _first(n: int, entries: Iterable[Entry]) -> list[Entry]:
    return [entry for entry, _ in zip(entries, range(n))]
