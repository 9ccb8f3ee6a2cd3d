"""Answers of a machine, and how often they are right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from alkit.arguments import check_integer, check_number
from alkit.errors import AnnotationError, LabelError
from alkit.oracles.answers import as_indices, checked_oracle, new_among
from alkit.pool.labels import as_list
from alkit.pool.ledger.entry import MACHINE
from alkit.querying.risk import Risk, Terms, mean_of


class Model:
    """The labels of a machine, such as a zero-shot model, where it is confident enough.

        machine = Model(zero_shot, confidence=0.9)
        machine.error(audit, labels, candidates=len(pool))   # before it is trusted
        strategy.query_and_update(200, machine)

    Each sample is predicted once. Its labels are a machine's: ``answers`` has every one with its
    confidence, so that they are never counted as those of people. Measure their error on an
    audit, samples that were drawn uniformly and labeled by people, since the confidence of a model
    is not its accuracy (Guo, Pleiss, Sun & Weinberger 2017, "On calibration of modern neural
    networks").

    Args:
        predict: function from n dataset indices to ``(labels, confidences)``, n of each; a
            confidence is in [0, 1].
        confidence: least confidence of an answer, in [0, 1].
        name: name of the machine.

    Attributes:
        who: ``"machine: NAME"``, under which a ledger has its labels.
        answers: label and confidence of each predicted sample by dataset index, also of those
            below the least confidence.
    """

    reason = None  # unanswered samples stay in the pool, for people

    def __init__(
        self,
        predict: Callable[[np.ndarray], tuple[Any, Any]],
        *,
        confidence: float = 0.9,
        name: str = "model",
    ) -> None:
        check_number("confidence", confidence, "from 0 to 1", lambda least: 0 <= least <= 1)
        self.predict = checked_oracle(predict)
        self.who = f"{MACHINE}{name}"
        self.confidence = confidence
        self.answers: dict[int, tuple[Any, float]] = {}

    def __call__(self, indices: Any) -> list[Any]:
        """Labels of the samples, None where the confidence is too low.

        Raises:
            LabelError: ``predict`` returned anything else than n labels and n confidences.
        """
        ids = as_indices(indices)
        new = new_among(ids, self.answers)
        if len(new):
            self.answers.update(zip(new.tolist(), self._predicted(new), strict=True))
        found = [self.answers[index] for index in ids.tolist()]
        return [label if sure >= self.confidence else None for label, sure in found]

    def _predicted(self, ids: np.ndarray) -> list[tuple[Any, float]]:
        given = self.predict(ids)
        if not isinstance(given, tuple) or len(given) != 2:
            raise LabelError(
                f"predict must return a tuple (labels, confidences), got {type(given).__name__}."
            )
        labels, sure = (as_list(part, len(ids)) for part in given)
        for index, one in zip(ids.tolist(), sure, strict=True):
            if not isinstance(one, int | float) or not 0 <= one <= 1:
                raise LabelError(f"sample {index}: a confidence is in [0, 1], got {one!r}.")
        return list(zip(labels, map(float, sure), strict=True))

    def error(self, indices: Any, labels: Any, candidates: int, *, level: float = 0.9) -> Risk:
        """Share of wrong labels among the answers, estimated on an audit, with an interval.

        Samples of the audit below the least confidence do not count, since they get no label.

        Args:
            indices: ``(m,)`` dataset indices of the audit, drawn uniformly.
            labels: ``(m,)`` labels by people; None where they are unsure, which do not count.
            candidates: number of samples that the audit was drawn from.
            level: confidence level of the interval, in (0, 1).

        Raises:
            AnnotationError: the machine answers no sample of the audit that people have labeled.
        """
        ids = as_indices(indices)
        candidates = check_integer("candidates", candidates, len(ids))
        truth = as_list(labels, len(ids))
        pairs = list(zip(self(ids), truth, strict=True))
        rows = np.flatnonzero([answer is not None and y is not None for answer, y in pairs])
        if not len(rows):
            raise AnnotationError(
                f"the machine answers none of the {len(ids)} samples of the audit that people have "
                "labeled: label more of them, or lower confidence=."
            )
        wrong = np.array([answer != y for answer, y in pairs])
        terms = Terms.of(wrong, 1 / (candidates - np.arange(len(ids))), candidates)
        return mean_of([terms.among(rows)], level)

    def __repr__(self) -> str:
        given = sum(sure >= self.confidence for _, sure in self.answers.values())
        return f"Model(answers {given} of {len(self.answers)}, confidence {self.confidence:g})"
