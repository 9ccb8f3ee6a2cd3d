"""Answers of a project: one state of its ledger, pool and asking, and answers without the page."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from alkit.errors import LabelError, likely
from alkit.pool import Query
from alkit.pool.labels import as_list
from alkit.pool.ledger import Entry, Ledger
from alkit.pool.taking import Taken
from alkit.project.asking import Asking
from alkit.project.choice import AUDIT, Choice
from alkit.project.tally import Tally
from alkit.spreadsheet import restored


class Answers:
    """Answers of a project, which other processes may give too.

    Args:
        ledger: the ledger.
        asking: the asking around the pool of this ledger.
        rounds: folder of the queries' files, by which earlier queries are known.

    Attributes:
        seen: place in the ledger of the last entry that was taken.
    """

    def __init__(self, ledger: Ledger, asking: Asking, rounds: Path) -> None:
        self.ledger, self.asking, self._rounds = ledger, asking, rounds
        self.names = asking.pool.names or []
        self.tally = Tally(self.names)
        self._places = {name: index for index, name in enumerate(self.names)}
        self._open: dict[int, Choice] = {}
        self.seen = 0

    def sync(self) -> None:
        """Take what is new in the ledger into the pool, the tally and the asking."""
        with self.asking.lock:
            new = self.ledger.entries(after=self.seen)
            self.asking.pool.refresh()
            self.tally.take(new)
            for entry in new:
                self.seen = entry.seq or self.seen
                index = self._places.get(entry.sample)
                if index is None:
                    continue
                if entry.undoes is None:
                    self.asking.note({index: entry.why})
                    if entry.guess is not None:
                        self.asking.guessed.setdefault(index, entry.guess)
                else:
                    self.asking.forget([index])
                alone = self.tally.by_machine(entry.sample)
                (self.asking.by_machine.add if alone else self.asking.by_machine.discard)(index)

    def query(self, n: int, exclude: Any, *, audit: bool = True) -> Query:
        """The next samples as a query; without audit samples if a machine answers."""
        pool, parts = self.asking.pool, [[] if exclude is None else exclude]
        if isinstance(exclude, list | tuple) and any(isinstance(part, Query) for part in exclude):
            parts = list(exclude)
        left_out = [pool.view(part, labels=False).indices for part in parts]
        with self.asking.lock:
            choices = self.asking.batch(n, np.concatenate(left_out).tolist(), audit=audit)
            round = pool.next_round
        self._open.update((choice.index, choice) for choice in choices)
        known = bool(choices) and choices[0].guess is not None
        scored = bool(choices) and all(c.score is not None for c in choices)
        return Query(
            np.array([choice.index for choice in choices], dtype=np.int64),
            round,
            scores=np.array([c.score for c in choices], dtype=float) if scored else None,
            guesses=self._numbers(c.guess for c in choices) if known else None,
            why=_reason(choices),
            names=[self.names[choice.index] for choice in choices],
            classes=pool.classes,
            reasons=[choice.why for choice in choices],
        )

    def take(
        self,
        samples: Any,
        labels: Any,
        who: str,
        votes: int,
        reason: str | None = None,
    ) -> Taken | np.ndarray:
        """Take answers from a query, names, indices or a file; see ``Project.annotate``.

        With a reason, samples whose label is None are left out for it.
        """
        pool = self.asking.pool
        if isinstance(samples, str | os.PathLike):
            if labels is not None:
                raise LabelError("pass a file of labels, or samples and labels, not both.")
            taken = pool.take(samples, who=who)
            self.sync()
            return taken
        if labels is None:
            raise LabelError("pass one label per sample, or the path of a file of labels.")
        ids = pool.view(samples, labels=False).indices
        values = as_list(labels, len(ids))
        pairs = list(zip(ids.tolist(), values, strict=True))
        given = [(i, self._label(i, y)) for i, y in pairs if y is not None]
        entries = [self._entry(index, who, label=label) for index, label in given]
        if reason is not None:
            entries += [self._entry(i, who, reason=reason) for i, y in pairs if y is None]
        audited = {self.names[index] for index in self.asking.by_machine}  # people may answer too
        once = "sample" if votes == 1 else "person"
        with self.ledger.transaction():
            self.ledger.add([e for e in entries if e.sample not in audited], once=once)
            self.ledger.add([e for e in entries if e.sample in audited], once="person")
        self.sync()
        return np.array([index for index, _ in given], dtype=np.int64)

    def _label(self, index: int, label: Any) -> str:
        """Name of the class of a label."""
        classes = self.asking.pool.classes or ()
        number = isinstance(label, int | np.integer) and not isinstance(label, bool)
        if number and 0 <= label < len(classes):
            return classes[int(label)]
        if label not in classes:
            hint = likely(str(label), classes)
            raise LabelError(f"{self.names[index]!r}: {label!r} is not one of the classes{hint}")
        return str(label)

    def _entry(self, index: int, who: str, **answer: Any) -> Entry:
        choice = self._open.get(index) or self._asked_before.get(self.names[index])
        choice = choice or Choice(index, "")
        return Entry(
            self.names[index],
            **answer,
            who=who or self.ledger.who,
            round=self.asking.pool.next_round,
            why=choice.why,
            score=choice.score,
            guess=choice.guess,
        )

    @cached_property
    def _asked_before(self) -> dict[str, Choice]:
        """Choices by name in the files of queries that were made before this object."""
        found: dict[str, Choice] = {}
        for path in sorted(self._rounds.glob("*.csv")):
            with suppress(OSError, UnicodeDecodeError, csv.Error, ValueError):
                with open(path, newline="", encoding="utf-8") as file:
                    rows = list(csv.DictReader(file))
                for row in rows:
                    score = float(row["score"]) if row.get("score") else None
                    why, guess = restored(row.get("why") or ""), row.get("guess")
                    name = restored(row.get("name") or "")
                    found[name] = Choice(-1, why, score, restored(guess) if guess else None)
        return found

    def _numbers(self, names: Any) -> np.ndarray:
        classes = list(self.asking.pool.classes or ())
        return np.array([classes.index(name) for name in names], dtype=np.int64)


def _reason(choices: Sequence[Choice]) -> str:
    """Reason of a batch: that of the chosen samples, and the number of those for the audit."""
    audit = sum(choice.why.startswith("audit") for choice in choices)
    if not choices:
        return "no samples are left"
    why = next((c.why for c in choices if not c.why.startswith("audit")), AUDIT)
    return why if audit in (0, len(choices)) else f"{why}; {audit} of {len(choices)} for the audit"
