"""Votes: the answers of several people in a ledger, where they differ, and how that is settled."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from alkit.arguments import check_integer
from alkit.errors import ConfigurationError
from alkit.oracles.agreement import dawid_skene, krippendorff_alpha, majority
from alkit.pool.ledger import Entry, Ledger, is_person
from alkit.pool.ledger.entry import SETTLED


class Votes:
    """The answers of people in a ledger: what is missing, agreed, to be shown again, disputed.

        votes = Votes(ledger, wanted=2)
        votes.again                 # {"photos/7.jpg": ["Ann", "Bob"]}: show it to both again
        settle(ledger, wanted=2)    # those that differ after that
        ledger.current()            # the label that counts for each sample

    An answer is a label or a reason to leave the sample out, and the last one of a person counts.
    Answers of programs, of the dataset and of rules are none of a person (``is_person``). Each
    sample with an answer is in one of ``missing``, ``agreed``, ``again``, ``disputed``,
    ``settled``.

    Args:
        ledger: the ledger.
        wanted: number of people who are to answer each sample.
        samples: names of the samples. Default: all, at 10 microseconds per entry.

    Attributes:
        missing: number of answers that samples with fewer than ``wanted`` lack.
        agreed: samples with enough answers, all the same.
        again: samples whose answers differ, and the people who have not answered them again since:
            show them once more, and add their answer, also if it is the same, to the ledger.
        disputed: samples whose answers differ after all have answered again.
        settled: samples with the label of a rule.
        history: the answers of people by sample, in their order.
    """

    def __init__(
        self, ledger: Ledger, wanted: int = 2, samples: Iterable[str] | None = None
    ) -> None:
        check_integer("wanted", wanted)
        self.missing: dict[str, int] = {}
        self.agreed: list[str] = []
        self.again: dict[str, list[str]] = {}
        self.disputed: list[str] = []
        self.settled: list[str] = []
        self.history: dict[str, list[Entry]] = {}
        settled = set()
        for entry in ledger.live(samples):
            if is_person(entry.who):
                self.history.setdefault(entry.sample, []).append(entry)
            elif entry.who in SETTLED:
                settled.add(entry.sample)
        for sample, answers in self.history.items():
            last = _last(answers)
            if sample in settled:
                self.settled.append(sample)
            elif len(last) < wanted:
                self.missing[sample] = wanted - len(last)
            elif len(set(map(_told, last.values()))) == 1:
                self.agreed.append(sample)
            elif people := _to_look_again(answers):
                self.again[sample] = people
            else:
                self.disputed.append(sample)

    @property
    def answers(self) -> list[tuple[str, str, str]]:
        """Rows ``(sample, who, answer)`` of the last answer of each person, as text."""
        return [
            (sample, who, _told(entry))
            for sample, answers in self.history.items()
            for who, entry in _last(answers).items()
        ]

    @property
    def alpha(self) -> float:
        """Krippendorff's alpha of the labels that people gave before they looked again.

        Later answers are not independent. NaN if no sample has labels of two people, or all labels
        are the same.
        """
        first = {name: _last(answers[: _parting(answers) + 1])
                 for name, answers in self.history.items()}  # fmt: skip
        return krippendorff_alpha(
            (sample, who, _told(entry))
            for sample, answers in first.items()
            for who, entry in answers.items()
            if entry.reason is None
        )

    def __repr__(self) -> str:
        parts = ("missing", "agreed", "again", "disputed", "settled")
        alpha = "" if math.isnan(self.alpha) else f"; alpha {self.alpha:.2f}"
        return f"Votes({', '.join(f'{len(getattr(self, p))} {p}' for p in parts)}{alpha})"


@dataclass(frozen=True)
class Settled:
    """Result of settling.

    Attributes:
        added: the entries that were added.
        open: disputed samples that stay so, since there is a tie.
    """

    added: list[Entry]
    open: list[str]


def settle(
    ledger: Ledger, rule: Literal["majority", "dawid-skene"] = "majority", *, wanted: int = 2
) -> Settled:
    """Add the answer of a rule for each sample that people still disagree on; all or none.

    Only samples in ``Votes.disputed``, which all their people have looked at again. An answer of a
    person after that replaces the rule's, as the last one counts, and a sample is settled once:
    undo the entry to settle it anew.

    Args:
        ledger: the ledger.
        rule: ``"majority"``, or ``"dawid-skene"``, which weights people by how reliable they are
            on all samples with answers, and needs several of each label (see ``dawid_skene``).
        wanted: number of people who are to answer each sample.
    """
    if rule not in SETTLED:
        raise ConfigurationError(f"rule must be 'majority' or 'dawid-skene', got {rule!r}.")
    with ledger.transaction():  # no person answers between the reading and the writing
        votes = Votes(ledger, wanted)
        if not votes.disputed:
            return Settled([], [])
        rows = votes.answers
        chosen = majority(rows) if rule == "majority" else dawid_skene(rows).labels
        entries, left = [], []
        for sample in votes.disputed:
            if chosen[sample] is None:
                left.append(sample)
                continue
            label, reason = json.loads(chosen[sample])
            why = f"{rule} of {len(_last(votes.history[sample]))} people"
            entries.append(Entry(sample, label=label, reason=reason, who=rule, why=why))
        return Settled(ledger.add(entries), left)


def _told(entry: Entry) -> str:
    """Answer of an entry, as text that is equal for equal answers."""
    return json.dumps([entry.label, entry.reason], sort_keys=True)


def _last(answers: list[Entry]) -> dict[str, Entry]:
    return {entry.who: entry for entry in answers}


def _parting(answers: list[Entry]) -> int:
    """Place of the first answer that differs from the last one of another person."""
    last: dict[str, str] = {}
    for place, entry in enumerate(answers):
        last[entry.who] = _told(entry)
        if len(set(last.values())) > 1:
            return place
    return len(answers)


def _to_look_again(answers: list[Entry]) -> list[str]:
    """People who have not answered again after the answers differed, in the order of answers."""
    before = list(_last(answers[: _parting(answers) + 1]))
    later = [entry.who for entry in answers[_parting(answers) + 1 :]]
    new = [who for who in dict.fromkeys(later) if who not in before]
    return [who for who in before + new if later.count(who) < 1 + (who in new)]
