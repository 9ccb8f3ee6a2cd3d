"""Answers that are typed in a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from alkit.errors import LabelError
from alkit.oracles.answers import as_indices, new_among
from alkit.pool.form import Form
from alkit.pool.gate import Gate
from alkit.pool.labels import sample_named


class Ask:
    """The labels that a person types in a terminal, one sample after the other.

        oracle = Ask(["glass", "paper"], show=lambda index: dataset[index][0].show())
        strategy.query_and_update(20, oracle)

    A class is typed by its name or number. An empty line means unsure, and leaves the sample
    without an answer; so does the end of the input (Ctrl-D), for all samples that are left. What
    was typed is kept in memory: after an interruption (Ctrl-C), ask again for the same samples,
    and the answered ones are not asked again.

    Args:
        classes: names of the classes in the order of their numbers; answers are these numbers.
            Default: numbers or text, as typed.
        show: function of a dataset index that shows the sample; a text that it returns is printed.

    Attributes:
        answers: label, or None for unsure, by dataset index.
    """

    reason = None  # unanswered samples stay in the pool

    def __init__(
        self, classes: Sequence[str] | None = None, *, show: Callable[[int], Any] | None = None
    ) -> None:
        self._gate = Gate(classes, None)
        self.show = show
        self.answers: dict[int, Any] = {}

    def __call__(self, indices: Any) -> list[Any]:
        """Labels of the samples, None where the person gave none."""
        ids = as_indices(indices)
        left = new_among(ids, self.answers).tolist()
        for count, index in enumerate(left, 1):
            try:
                self.answers[index] = self._one(index, f"{count} of {len(left)}")
            except EOFError:
                break
        return [self.answers.get(index) for index in ids.tolist()]

    def _one(self, index: int, progress: str) -> Any:
        shown = None if self.show is None else self.show(index)
        if isinstance(shown, str):
            print(shown)
        names = ", ".join(f"{k} {name}" for k, name in enumerate(self._gate.classes or ()))
        prompt = f"sample {index} ({progress}){f' [{names}]' if names else ''}: "
        while text := input(prompt).strip():
            try:
                return self._gate.given(
                    self._gate.read([text], None), np.array([index]), Form(), sample_named
                )[0]
            except LabelError as error:
                print(error)
        return None

    def __repr__(self) -> str:
        return f"Ask({len(self.answers)} answered)"
