"""Reasons to doubt the decisions of a stream, as those of a query."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import torch
from torch import Tensor

from alkit.criteria import Constant, Criterion
from alkit.errors import SelectionWarning, warn
from alkit.pool.trace import FEW, Watch
from alkit.prediction import Prediction
from alkit.querying.doubts import doubts

FIRST = 50  # samples whose predictions are watched together
NO_DIGITS = str.maketrans("", "", "0123456789")


class Watcher:
    """Doubts about the first 50 samples of a stream, and about 50 more after later trainings.

    A model that was never trained, posterior samples that agree, samples without rows, logits that
    look like probabilities, and 20 equal scores in a row after a training are each a
    ``SelectionWarning``, once per stream. Cost: O(1) per sample that is watched.
    """

    def __init__(self) -> None:
        self._warned: set[str] = set()
        self._predicted = FIRST
        self.begin()

    def begin(self) -> None:
        """Watch the next samples, after a training."""
        self._scores = torch.empty(0)
        if self._predicted >= FIRST:
            self._watch, self._predicted = Watch(torch.arange(FIRST)), 0

    def watched(self, predictions: Iterable[Prediction]) -> Iterator[Prediction]:
        """The predictions of a mini-batch, of which some are kept."""
        for prediction in predictions:
            if self._predicted < FIRST:
                places = self._predicted + torch.arange(len(prediction))
                self._watch.look(replace(prediction, ids=places))
                self._predicted += len(prediction)
            yield prediction

    def warn(self, criterion: Criterion, scores: Tensor, trained: bool) -> None:
        """Warn of what makes the scores ``(n,)`` of the next mini-batch doubtful."""
        if len(self._scores) >= FIRST or isinstance(criterion, Constant):
            return
        self._scores = torch.cat([self._scores.to(scores), scores])
        found = doubts(
            self._scores,
            picked=0 if len(self._scores) >= FEW else len(self._scores),
            sample=self._watch.seen if self._predicted >= FIRST else None,
            trained=trained,
            disagreement=any(term.disagreement for term in criterion.terms),
        )
        for doubt in found:
            kind = doubt.translate(NO_DIGITS)
            if kind not in self._warned:
                self._warned.add(kind)
                warn(f"stream by {criterion!r}: {doubt}.", SelectionWarning)
