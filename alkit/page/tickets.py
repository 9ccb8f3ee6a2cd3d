"""Tickets: questions as signed texts, which a page keeps and returns but cannot invent."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import math
from dataclasses import astuple
from typing import Any

from alkit.errors import TicketError
from alkit.page.questions import Question

SIGNATURE = 12  # bytes


class Tickets:
    """Texts for questions, which a desk reads again without keeping what it has offered.

    So a page continues after the server was killed and started again with the same secret, and a
    name that was never offered cannot be asked for.

    Args:
        secret: key of the signature.
    """

    def __init__(self, secret: str) -> None:
        self._key = secret.encode()

    def issue(self, question: Question) -> str:
        """Return the ticket of a question: letters, digits, ``-``, ``_`` and a dot."""
        values = [_plain(value) for value in astuple(question)]
        content = base64.urlsafe_b64encode(json.dumps(values).encode()).rstrip(b"=")
        return f"{content.decode()}.{self._sign(content)}"

    def read(self, ticket: object) -> Question:
        """Return the question of a ticket.

        Raises:
            TicketError: the ticket was not issued with this secret.
        """
        content, _, signature = ticket.partition(".") if isinstance(ticket, str) else ("", "", "")
        data = content.encode()
        if not hmac.compare_digest(self._sign(data).encode(), signature.encode()):
            raise TicketError("this sample was not offered by this server.")
        values = json.loads(base64.urlsafe_b64decode(data + b"=" * (-len(data) % 4)))
        return Question(*values)

    def _sign(self, content: bytes) -> str:
        digest = hmac.digest(self._key, content, hashlib.sha256)[:SIGNATURE]
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _plain(value: Any) -> Any:
    """A value of JSON: a number of numpy or torch as Python's own, and None for one not finite."""
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value
