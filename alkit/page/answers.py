"""Answers of people, as entries of the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from alkit.errors import ConfigurationError
from alkit.page.questions import Question
from alkit.pool.ledger import Entry

REASONS = ("unsure", "broken")


@dataclass(frozen=True)
class Answer:
    """Answer of a person to a question: the label, or the reason why there is none.

    Attributes:
        question: the question as it was offered.
        uid: unique text; an answer with the same one is taken once, however often it is sent.
        label: one of the classes.
        reason: ``"unsure"`` or ``"broken"``, in place of a label.
        guess_shown: whether the model's guess was shown.
        seconds: seconds that the answer took.
    """

    question: Question
    uid: str
    label: str | None = None
    reason: str | None = None
    guess_shown: bool | None = None
    seconds: float | None = None


def checked(classes: Sequence[str]) -> tuple[str, ...]:
    """Return the classes.

    Raises:
        ConfigurationError: there are none, or one of them is empty or given twice.
    """
    found = (None,) if isinstance(classes, str) else tuple(classes)
    names = [name for name in found if isinstance(name, str) and name.strip()]
    if not names or len(names) < len(found):
        raise ConfigurationError(
            f"classes must be names, such as ['glass', 'paper']; got {classes!r:.100}."
        )
    twice = next((name for name, times in Counter(names).items() if times > 1), None)
    if twice is not None:
        raise ConfigurationError(f"the class {twice!r} is given twice.")
    return tuple(names)


def as_entry(answer: Answer, person: str) -> Entry:
    """The entry of an answer."""
    question = answer.question
    return Entry(
        question.name,
        label=answer.label,
        reason=answer.reason,
        who=person,
        round=question.round,
        why=question.why,
        score=question.score,
        guess=question.guess,
        guess_shown=None if question.guess is None else answer.guess_shown,
        seconds=answer.seconds,
        uid=answer.uid,
    )


def as_question(entry: Entry) -> Question:
    """The question that an entry answers."""
    guess = entry.guess if isinstance(entry.guess, str) else None
    return Question(entry.sample, entry.why, entry.round, entry.score, guess)
