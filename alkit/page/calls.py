"""Calls of a page to its desk, as plain JSON values: the same over HTTP and in a notebook."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from alkit.errors import (
    AnnotationError,
    ConfigurationError,
    LabelError,
    LedgerError,
    TicketError,
)
from alkit.page.answers import Answer, as_question
from alkit.page.desk import Desk
from alkit.page.leases import Seat
from alkit.page.questions import Offer, Question
from alkit.page.shown import Render, Shown, shown
from alkit.page.tickets import Tickets

AHEAD = 6  # samples that a page has: the one to be labeled, and those that it loads in advance
GRID = 24  # samples that are confirmed at once
PAST = 100  # answers that can be undone after a page is loaded again
STATUS = {TicketError: 404, LabelError: 422, ConfigurationError: 422, AnnotationError: 409}


class Refused(Exception):
    """A call that is refused, with the HTTP status that states the reason."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Calls:
    """The calls of pages, each a mapping to a mapping.

    Args:
        desk: the desk.
        render: function from the name of a sample to what is shown of it.
        secret: key by which tickets are signed.
        person: name of the person whose page does not state one.
        title: title of the page.
        until: number of answers after which no more are asked for; None if there is no limit.
    """

    def __init__(
        self,
        desk: Desk,
        render: Render,
        secret: str,
        *,
        person: str = "",
        title: str = "",
        until: int | None = None,
    ) -> None:
        self.desk, self.render, self.until = desk, render, until
        self.person, self.title = person, title
        self._tickets, self._before = Tickets(secret), desk.taken
        self._calls: dict[str, Callable[[Seat, Mapping[str, Any]], dict[str, Any]]] = {
            "start": self._start,
            "next": self._reply,
            "answer": self._answer,
            "undo": self._undo,
            "grid": self._grid,
            "release": self._release,
        }

    @property
    def left(self) -> int | None:
        """Number of answers that are still asked for; None if there is no limit."""
        taken = self.desk.taken - self._before
        return None if self.until is None else max(self.until - taken, 0)

    def __call__(self, name: str, body: object) -> dict[str, Any]:
        """Carry out a call.

        Raises:
            Refused: the call is not valid, or its answer is not taken.
        """
        if name not in self._calls or not isinstance(body, Mapping):
            raise Refused(404, "there is no such call.")
        try:
            seat = self.desk.seat(_text(body, "person", self.person), _text(body, "tab"))
            return self._calls[name](seat, body)
        except tuple(STATUS) as error:
            status = next(code for kind, code in STATUS.items() if isinstance(error, kind))
            raise Refused(status, str(error)) from None
        except LedgerError as error:
            raise Refused(503, str(error)) from None

    def sample(self, ticket: str) -> Shown:
        """Return what is shown of a sample.

        Raises:
            Refused: the ticket is not valid, or the sample cannot be read.
        """
        try:
            question = self._tickets.read(ticket)
        except TicketError as error:
            raise Refused(404, str(error)) from None
        try:
            return shown(self.render(question.name))
        except Exception as error:  # render is the user's, and the page shows the reason
            raise Refused(415, f"{question.name} cannot be shown: {error}") from error

    # --- calls --------------------------------------------------------------------------------

    def _start(self, seat: Seat, body: Mapping[str, Any]) -> dict[str, Any]:
        past = [
            {"uid": entry.uid, **self._shown(as_question(entry))}
            for entry in self.desk.past(seat, PAST)
        ]
        facts = {"classes": self.desk.classes, "title": self.title, "person": seat.person}
        return {**facts, "lease": self.desk.lease, "past": past, **self._reply(seat, body)}

    def _answer(self, seat: Seat, body: Mapping[str, Any]) -> dict[str, Any]:
        answers = [self._read(row) for row in _rows(body, "answers")]
        refused = self.desk.answer(seat, answers)
        if answers and len(refused) == len(answers):
            raise Refused(409, next(iter(refused.values())))
        return {"refused": refused, **self._reply(seat, body)}

    def _undo(self, seat: Seat, body: Mapping[str, Any]) -> dict[str, Any]:
        undone = self.desk.undo(seat, [str(uid) for uid in _rows(body, "uids")])
        return {"undone": [self._shown(each) for each in undone], **self._reply(seat, body)}

    def _grid(self, seat: Seat, body: Mapping[str, Any]) -> dict[str, Any]:
        self.desk.release(seat, self._have(body))
        found = self.desk.likely(seat, _text(body, "label"), GRID)
        return {"grid": [self._shown(each) for each in found]}

    def _release(self, seat: Seat, body: Mapping[str, Any]) -> dict[str, Any]:
        self.desk.release(seat, self._have(body))
        return {}

    # --- their parts --------------------------------------------------------------------------

    def _reply(self, seat: Seat, body: Mapping[str, Any]) -> dict[str, Any]:
        """The part of a reply that a page needs after each call: questions, and the state."""
        if body.get("quiet"):  # a tab that was closed
            self.desk.release(seat)
            return {}
        have, left = self._have(body), self.left
        wanted = AHEAD if left is None else min(AHEAD, left)
        offer = self.desk.take(seat, max(wanted - len(have), 0), have)
        facts = self.desk.facts(seat)
        return {
            "next": [self._shown(question) for question in offer.questions],
            "gone": offer.gone,
            "facts": facts,
            "left": left,
            "state": _state(offer, facts, left),
        }

    def _shown(self, question: Question) -> dict[str, Any]:
        ticket = self._tickets.issue(question)
        again = self.desk.is_disputed(question.name)
        return {**asdict(self._tickets.read(ticket)), "ticket": ticket, "again": again}

    def _have(self, body: Mapping[str, Any]) -> list[Question]:
        return [self._tickets.read(ticket) for ticket in _rows(body, "have")]

    def _read(self, row: object) -> Answer:
        if not isinstance(row, Mapping):
            raise LabelError("an answer must be a mapping.")
        label, reason = row.get("label"), row.get("reason")
        seconds, was_shown = row.get("seconds"), row.get("guess_shown")
        if (label is None) == (reason is None):
            raise LabelError("an answer must have a label or a reason.")
        if not (isinstance(seconds, int | float) and math.isfinite(seconds)):
            seconds = None
        return Answer(
            self._tickets.read(row.get("ticket")),
            _text(row, "uid"),
            label,
            reason,
            was_shown if isinstance(was_shown, bool) else None,
            seconds,
        )


def _state(offer: Offer, facts: Mapping[str, Any], left: int | None) -> str:
    """State of the labeling, which a page without questions shows."""
    if left == 0:
        return "enough"
    if offer.questions:
        return "open"
    remaining = facts["total"] - facts["labeled"] - facts["unsure"] - facts["broken"]
    if remaining <= 0:
        return "done"
    return "held" if facts["held"] >= remaining else "choosing"


def _text(body: Mapping[str, Any], name: str, default: str = "") -> str:
    value = body.get(name) or default
    if not isinstance(value, str) or len(value) > 200:
        raise LabelError(f"{name} must be a text of at most 200 characters.")
    return value


def _rows(body: Mapping[str, Any], name: str) -> list[Any]:
    value = body.get(name) or []
    if not isinstance(value, list) or len(value) > 1000:
        raise LabelError(f"{name} must be a list of at most 1000.")
    return value
