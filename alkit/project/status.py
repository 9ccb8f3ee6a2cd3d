"""Status of a project: what is labeled, by whom, how good the model is, and whether to go on."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from alkit.evidence.audit import accuracy
from alkit.oracles.votes import Votes
from alkit.pool.ledger import Entry, Ledger, is_person
from alkit.project.catalog import Catalog
from alkit.project.results import Results
from alkit.project.settings import Settings
from alkit.project.tally import Tally


@dataclass(frozen=True)
class Status:
    """Status of a project; ``str(status)`` is the text of ``alkit status``.

    Attributes:
        title: title of the project.
        total: number of samples.
        labeled: number of samples with a label.
        reasons: number of samples that are left out, by reason.
        classes: number of labels by class.
        people: number of answers by person.
        machines: number of answers by machine.
        accuracy: accuracy of the model in words; empty before it is known.
        advice: whether to go on, in words.
        agreement: Krippendorff's alpha of the people; None if no sample has two answers.
        disagreements: number of samples on which people disagree.
        notes: what else a person should know, such as missing files.
    """

    title: str
    total: int
    labeled: int
    reasons: Mapping[str, int]
    classes: Mapping[str, int]
    people: Mapping[str, int]
    machines: Mapping[str, int]
    accuracy: str = ""
    advice: str = ""
    agreement: float | None = None
    disagreements: int = 0
    notes: Sequence[str] = field(default_factory=tuple)

    @property
    def line(self) -> str:
        """One line: labels, samples, accuracy."""
        left = ", ".join(f"{count:,} {reason}" for reason, count in self.reasons.items())
        line = f"{self.labeled:,} labeled{f' ({left})' if left else ''} of {self.total:,}"
        return f"{line}; {self.accuracy or 'accuracy not known yet'}"

    def __str__(self) -> str:
        rows = [f"{self.title}: {self.line}"]
        if self.labeled:
            rows.append("labels: " + _counts(self.classes))
        if len(self.people) > 1 or any(self.people):
            rows.append("people: " + _counts(self.people))
        if self.machines:
            rows.append("machines: " + _counts(self.machines))
        if self.agreement is not None:
            rows.append(
                f"agreement: Krippendorff's alpha {self.agreement:.2f}; people disagree on "
                f"{self.disagreements:,} sample{'s' * (self.disagreements != 1)}"
            )
        if self.advice:
            rows.append(f"next: {self.advice}")
        return "\n".join([*rows, *(f"note: {note}" for note in self.notes)])


def counted(entries: Iterable[Entry]) -> tuple[Counter[str], Counter[str]]:
    """Number of answers by person and by machine."""
    people: Counter[str] = Counter()
    machines: Counter[str] = Counter()
    for entry in entries:
        (people if is_person(entry.who) else machines)[entry.who] += 1
    return people, machines


def counted_as(count: int, noun: str) -> str:
    """A number of things with the verb that follows."""
    return f"{count:,} {noun} is" if count == 1 else f"{count:,} {noun}s are"


def _counts(counts: Mapping[Any, int]) -> str:
    items = sorted(counts.items(), key=lambda item: -item[1])
    shown = [f"{name or 'unnamed'} {count:,}" for name, count in items[:12]]
    return ", ".join([*shown, *([f"{len(items) - 12} more"] if len(items) > 12 else [])])


def status(
    settings: Settings,
    catalog: Catalog,
    ledger: Ledger,
    results: Results,
    notes: Sequence[str] = (),
) -> Status:
    """Status of a project, from what its folder has.

    Args:
        settings: its settings.
        catalog: its samples.
        ledger: its answers.
        results: results of its trainings.
        notes: what else a person should know.
    """
    tally = Tally(catalog.names, ledger.entries())
    people, machines = counted(ledger.live())
    answered = [sum(map(is_person, votes)) for votes in ledger.votes().values()]
    votes = Votes(ledger, max([settings.asking.votes, *answered]))
    several = math.isfinite(votes.alpha)
    rows = results.rows()
    last = rows[-1] if rows else {"accuracy": "", "advice": ""}
    return Status(
        settings.title,
        tally.total,
        tally.labeled,
        tally.reasons,
        {name: tally.labels[name] for name in settings.classes if tally.labels[name]},
        people,
        machines,
        _accuracy(last, tally.labeled),
        last["advice"],
        votes.alpha if several else None,
        len(votes.again) + len(votes.disputed),
        [*machine_accuracy(ledger), *_notes(catalog), *filter(None, notes)],
    )


def machine_accuracy(ledger: Ledger) -> list[str]:
    """Accuracy of each machine in words, on the samples that people have labeled too.

    These are samples of the audit, which are drawn uniformly.
    """
    right: dict[str, list[bool]] = {}
    for votes in ledger.votes().values():
        labels = [entry.label for who, entry in votes.items() if is_person(who) and entry.label]
        for who, entry in votes.items():
            if who.startswith("machine: ") and entry.label is not None and labels:
                right.setdefault(who, []).append(entry.label == labels[-1])
    return [
        f"{who} agrees with people on {sum(rows)} of {len(rows)} samples that both have labeled: "
        f"{accuracy(np.array(rows))}"
        for who, rows in right.items()
    ]


def _accuracy(row: Mapping[str, str], labeled: int) -> str:
    """Accuracy of a row of the results in words; empty if it is not known."""
    if not row["accuracy"]:
        return ""
    value, low, high = (float(row[name]) for name in ("accuracy", "low", "high"))
    when = "" if int(row["labels"]) == labeled else f", after {int(row['labels']):,} labels"
    return f"accuracy about {value:.2f} ({low:.2f} to {high:.2f}){when}"


def _notes(catalog: Catalog) -> list[str]:
    notes = [f"{name} is left out: {why}" for name, why in list(catalog.problems.items())[:3]]
    if len(catalog.problems) > 3:
        notes.append(f"{len(catalog.problems) - 3:,} more samples are left out")
    if catalog.missing:
        notes.append(
            f"{counted_as(len(catalog.missing), 'sample')} missing, such as "
            f"{catalog.missing[0]}; the labels of missing samples are kept"
        )
    return notes
