"""Tickets: a page returns what it was given, and nothing else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alkit.errors import TicketError
from alkit.page import Question
from alkit.page.tickets import Tickets

ANY = st.builds(
    Question,
    name=st.text(),
    why=st.text(),
    round=st.none() | st.integers(0, 1000),
    score=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    guess=st.none() | st.text(),
    certainty=st.none() | st.floats(0, 1),
)


@given(ANY)
def test_a_ticket_is_read_as_the_question_it_was_issued_for(question):
    ticket = Tickets("secret").issue(question)
    assert Tickets("secret").read(ticket) == question
    assert set(ticket) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
    with pytest.raises(TicketError):
        Tickets("another").read(ticket)


@given(ANY, st.data())
def test_a_ticket_that_was_changed_is_refused(question, data):
    ticket = Tickets("secret").issue(question)
    at = data.draw(st.integers(0, len(ticket) - 1))
    changed = ticket[:at] + data.draw(st.characters()) + ticket[at + 1 :]
    if changed != ticket:
        with pytest.raises(TicketError):
            Tickets("secret").read(changed)


@pytest.mark.parametrize("ticket", [None, 3, "", ".", "a.b", ["a"], "ä.ö"])
def test_what_is_not_a_ticket_is_refused(ticket):
    with pytest.raises(TicketError, match="not offered"):
        Tickets("secret").read(ticket)


def test_numbers_of_numpy_and_numbers_that_are_not_finite_are_carried():
    question = Question("a", "", np.int64(3), np.float32(0.5), "cat", np.float32("nan"))
    assert Tickets("s").read(Tickets("s").issue(question)) == Question("a", "", 3, 0.5, "cat")
    infinite = Question("a", score=float("-inf"))
    assert Tickets("s").read(Tickets("s").issue(infinite)).score is None
