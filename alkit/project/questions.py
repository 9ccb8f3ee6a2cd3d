"""Questions of a project for the page: chosen in the background while people answer."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from alkit.page import Question
from alkit.pool.ledger import Entry
from alkit.project.assessment import Assessment
from alkit.project.choice import Choice
from alkit.project.learning import Learner
from alkit.project.tally import Tally


class ProjectQuestions:
    """Questions of a project; see ``alkit.page.Questions``.

    Args:
        names: ``(N,)`` names of the samples, by their index in the pool.
        learner: the learner that has the next samples ready.
        tally: tally of the answers so far, brought up to date here.
    """

    def __init__(self, names: Sequence[str], learner: Learner, tally: Tally) -> None:
        self.names, self.learner, self.tally = names, learner, tally
        self._places = {name: index for index, name in enumerate(names)}

    def ask(self, n: int, leave_out: Collection[str]) -> list[Question]:
        """The next questions that are ready, most wanted first."""
        return [self._question(choice) for choice in self.learner.ask(n, self._indices(leave_out))]

    def answered(self, entries: Sequence[Entry]) -> None:
        """Count new entries, and let the learner train on them."""
        self.tally.take(entries)
        known = [entry for entry in entries if entry.sample in self._places]
        undone = [self._places[entry.sample] for entry in known if entry.undoes is not None]
        whys = {self._places[entry.sample]: entry.why for entry in known if entry.undoes is None}
        if undone:
            self.learner.undone(undone)
        if whys:
            self.learner.answered(whys)

    def facts(self) -> dict[str, Any]:
        """Numbers of samples, the accuracy and the advice."""
        counts, state = self.tally.counts, self.learner.state
        facts: dict[str, Any] = {name: counts[name] for name in ("labeled", "unsure", "broken")}
        found: Assessment | None = state.assessment
        accuracy = None
        if found is not None and found.accuracy.known:
            interval = found.accuracy
            accuracy = {"value": interval.value, "low": interval.low, "high": interval.high}
        advice = "" if found is None else found.advice
        if state.problem:
            advice = f"The model could not be trained: {state.problem}"
        return {**facts, "total": self.tally.total, "accuracy": accuracy, "advice": advice}

    def likely(self, label: str, n: int, leave_out: Collection[str]) -> list[Question]:
        """Samples that the model takes for one class, most certain first."""
        choices = self.learner.likely(label, n, self._indices(leave_out))
        return [self._question(choice) for choice in choices]

    def _question(self, choice: Choice) -> Question:
        round = self.learner.asking.pool.next_round
        known = (choice.why, round, choice.score, choice.guess, choice.certainty)
        return Question(self.names[choice.index], *known)

    def _indices(self, names: Collection[str]) -> list[int]:
        return [self._places[name] for name in names if name in self._places]
