"""Questions: the samples that people are asked about, and who chooses them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from alkit.pool.ledger import Entry


@dataclass(frozen=True)
class Question:
    """A sample to be labeled, and why it was chosen.

    Attributes:
        name: name of the sample, by which the ledger keeps its answers.
        why: the rule that chose it, as a formula.
        round: round of the query; None if it is unknown.
        score: score of the sample in the query; None if it is unknown.
        guess: the class that the model predicts; None if there is no model yet.
        certainty: the model's probability of that class, from 0 to 1; None if it is unknown.
    """

    name: str
    why: str = ""
    round: int | None = None
    score: float | None = None
    guess: str | None = None
    certainty: float | None = None


@dataclass(frozen=True)
class Offer:
    """Questions for a seat.

    Attributes:
        questions: new questions, most wanted first.
        gone: names of samples which the seat has, and which are not wanted from it any more.
    """

    questions: list[Question]
    gone: list[str]


class Questions(Protocol):
    """The source of questions, such as a project. No method may wait for a model to be trained.

    The methods are called from several threads, one at a time.
    """

    def ask(self, n: int, leave_out: Collection[str]) -> list[Question]:
        """Return the next questions, most wanted first.

        Args:
            n: number of questions. Fewer are returned if fewer are left, or ready.
            leave_out: names of samples that are not wanted, since people have them before them.
                Samples with an answer need not be asked about either: where several people answer
                about one sample, the desk offers it again.
        """
        ...

    def answered(self, entries: Sequence[Entry]) -> None:
        """Take note of new entries of the ledger: answers, and entries that undo one."""
        ...

    def facts(self) -> dict[str, Any]:
        """Return the state of the labeling.

        Returns:
            Numbers of samples (``labeled``, ``unsure``, ``broken`` and ``total``), ``accuracy``
            (``{"value", "low", "high"}`` from 0 to 1, or None) and a text, ``advice``.
        """
        ...

    def likely(self, label: str, n: int, leave_out: Collection[str]) -> list[Question]:
        """Return questions about samples that the model takes for ``label``, most certain first."""
        ...
