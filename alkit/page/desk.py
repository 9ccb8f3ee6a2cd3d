"""Desk: hands out questions to people, and takes their answers into the ledger."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from alkit.errors import AnnotationError, ConfigurationError, LabelError, likely
from alkit.page.answers import REASONS, Answer, as_entry, as_question, checked
from alkit.page.leases import Leases, Seat
from alkit.page.questions import Offer, Question, Questions
from alkit.page.votes import Votes
from alkit.pool.ledger import Entry, Ledger, is_person

Rule = Literal["sample", "person"] | None


class Desk:
    """Questions for several people at once: no sample lies before two of them, no answer is lost.

    A sample that is offered is leased to the seat (the person and the tab), until it is answered or
    the lease ends. An answer is in the ledger, on the disk, when ``answer`` returns. All methods
    are safe for threads; other processes may write to the same ledger. Cost: O(n) per offer of n
    questions; 10 microseconds and 0.5 kB per entry at the start.

    Args:
        ledger: the ledger. Its ``who`` is the person of seats without a name.
        classes: the classes, in the order of their keys.
        questions: the source of questions.
        votes: number of people who answer about each sample.
        lease: seconds after which an offered sample may go to somebody else.

    Raises:
        ConfigurationError: there are no classes, or one of them is empty or given twice; ``votes``
            or ``lease`` is not positive.
    """

    def __init__(
        self,
        ledger: Ledger,
        classes: Sequence[str],
        questions: Questions,
        *,
        votes: int = 1,
        lease: float = 60.0,
    ) -> None:
        if isinstance(votes, bool) or not isinstance(votes, int) or votes < 1:
            raise ConfigurationError(f"votes must be an integer of at least 1, got {votes!r}.")
        if not lease > 0:
            raise ConfigurationError(f"lease must be a positive number of seconds, got {lease!r}.")
        self.ledger, self.classes, self.questions = ledger, checked(classes), questions
        self.votes, self.lease = votes, lease
        self.taken = 0  # answers that were taken here, less those that were undone
        self._labels = frozenset(self.classes)
        self._votes, self._leases, self._seen = Votes(votes), Leases(lease), 0
        self._lock = threading.RLock()
        self._record()

    def seat(self, person: str, tab: str) -> Seat:
        """Return the seat of a person in a tab of a browser.

        Raises:
            ConfigurationError: the name is one under which programs answer.
        """
        person = person.strip() or self.ledger.who
        if not is_person(person):
            raise ConfigurationError(f"{person!r} is kept for programs: use another name.")
        return Seat(person, tab)

    # --- questions ----------------------------------------------------------------------------

    def take(self, seat: Seat, n: int, have: Iterable[Question] = ()) -> Offer:
        """Offer questions to a seat, and renew the leases of those that it has.

        Args:
            seat: the seat, from ``seat``.
            n: number of new questions; fewer are offered if fewer are left, or ready.
            have: questions that the seat has, unanswered.
        """
        with self._lock:
            self._catch_up()
            names = [question.name for question in have]
            gone = [name for name in names if not self._hold(seat, name)]
            leave_out = self._leases.names().union(names)
            found: list[Question] = []
            for name in self._votes.waiting(seat.person) if n > 0 else ():
                if name not in leave_out and self._hold(seat, name):
                    found.append(self._again(name))
                    if len(found) == n:
                        break
            while len(found) < n:
                asked = self.questions.ask(n - len(found), leave_out)[: n - len(found)]
                asked = [question for question in asked if question.name not in leave_out]
                leave_out.update(question.name for question in asked)
                found += [question for question in asked if self._hold(seat, question.name)]
                if not asked:
                    break
            return Offer(found, gone)

    def likely(self, seat: Seat, label: str, n: int) -> list[Question]:
        """Offer questions about samples that the model takes for one class, most certain first.

        Raises:
            LabelError: the label is not one of the classes.
        """
        self._check(label)
        with self._lock:
            self._catch_up()
            found = self.questions.likely(label, n, self._leases.names())
            return [question for question in found[:n] if self._hold(seat, question.name)]

    def release(self, seat: Seat, keep: Iterable[Question] = ()) -> None:
        """End the leases of a seat, except those of some questions."""
        with self._lock:
            self._leases.release(seat, {question.name for question in keep})

    def is_disputed(self, name: str) -> bool:
        """Return whether the people who answered about a sample disagree."""
        with self._lock:
            return self._votes.is_disputed(name)

    # --- answers ------------------------------------------------------------------------------

    def answer(self, seat: Seat, answers: Sequence[Answer]) -> dict[str, str]:
        """Take answers into the ledger; those that are taken are on the disk when this returns.

        Returns:
            The reasons of the answers that are refused, by ``uid``: the sample was answered
            meanwhile. An answer that was sent before is not refused and changes nothing.

        Raises:
            LabelError: a label or reason is not one of those that there are; nothing is taken.
            LedgerError: the ledger cannot be written; nothing is taken.
        """
        for answer in answers:
            self._check(answer.label, answer.reason)
        entries = [as_entry(answer, seat.person) for answer in answers]
        refused: dict[str, str] = {}
        with self._lock:
            self._catch_up()
            try:
                self._add(entries)
            except AnnotationError:
                for entry in entries:
                    try:
                        self._add([entry])
                    except AnnotationError as error:
                        self._catch_up()
                        refused[entry.uid] = self._refusal(entry, error)
            self._catch_up()
        return refused

    def undo(self, seat: Seat, uids: Iterable[str]) -> list[Question]:
        """Take answers of a person back; on the disk when this returns.

        Returns:
            Questions about their samples, which are leased to the seat. A sample that has another
            answer by now, or whose answer was undone before, is left out.

        Raises:
            AnnotationError: an answer is another person's; nothing is taken back.
            LedgerError: the ledger cannot be written; nothing is taken back.
        """
        with self._lock:
            self._catch_up()
            undone = [self._votes.live[uid] for uid in uids if uid in self._votes.live]
            for entry in undone:
                if entry.who != seat.person:
                    raise AnnotationError(f"the answer about {entry.sample!r} is {entry.who}'s.")
            self.taken -= len(self.ledger.add(
                Entry(entry.sample, undoes=entry.uid, who=entry.who, uid=f"undo {entry.uid}")
                for entry in undone
            ))  # fmt: skip
            self._catch_up()
            return [as_question(entry) for entry in undone if self._hold(seat, entry.sample)]

    def past(self, seat: Seat, n: int) -> list[Entry]:
        """The last n answers of a person that are not undone, the latest one last."""
        with self._lock:
            self._catch_up()
            return self._votes.past(seat.person, n)

    def facts(self, seat: Seat) -> dict[str, Any]:
        """Facts of the questions, and the number of samples that others have (``held``)."""
        with self._lock:
            return {**self.questions.facts(), "held": len(self._leases.names(besides=seat))}

    # --- inside, with the lock ----------------------------------------------------------------

    def _hold(self, seat: Seat, name: str) -> bool:
        return self._votes.wants(name, seat.person) and self._leases.take(name, seat)

    def _again(self, name: str) -> Question:
        return as_question(next(reversed(self._votes.last(name).values())))

    def _add(self, entries: Sequence[Entry]) -> None:
        """Add entries by one transaction for each rule of refusal, since they seldom differ."""
        by_rule: dict[Rule, list[Entry]] = {}
        for entry in entries:
            by_rule.setdefault(self._once(entry), []).append(entry)
        for rule, same in by_rule.items():
            self.taken += len(self.ledger.add(same, once=rule))

    def _once(self, entry: Entry) -> Rule:
        """The ledger's rule for an answer: it refuses second ones, also of other processes."""
        if self.votes == 1:
            name = entry.sample
            alone = name in self._votes.programs and not self._votes.last(name)
            return "person" if alone else "sample"
        again = entry.who in self._votes.last(entry.sample)
        return None if again and self._votes.wants(entry.sample, entry.who) else "person"

    def _refusal(self, entry: Entry, error: Exception) -> str:
        others = list(self._votes.last(entry.sample).values())
        if not others:
            return str(error)
        mine = any(other.who == entry.who for other in others)
        by = "you" if mine else others[-1].who or "another person"
        return f"{entry.sample} was answered by {by} meanwhile"

    def _check(self, label: str | None, reason: str | None = None) -> None:
        if label is not None and not (isinstance(label, str) and label in self._labels):
            raise LabelError(f"{label!r} is not a class{likely(str(label), self.classes[:20])}")
        if reason is not None and reason not in REASONS:
            raise LabelError(f"{reason!r} is not a reason{likely(str(reason), REASONS)}")

    def _catch_up(self) -> None:
        """Record new entries of the ledger, also those of other processes."""
        if new := self._record():
            self.questions.answered(new)

    def _record(self) -> list[Entry]:
        new = self.ledger.entries(after=self._seen)
        for entry in new:
            self._votes.record(entry)
            self._seen = entry.seq or self._seen
            holder = self._leases.holder(entry.sample)
            if holder and not self._votes.wants(entry.sample, holder.person):
                self._leases.end(entry.sample)
        return new
