"""Tempered: a criterion of calibrated outputs."""

from __future__ import annotations

import copy
from collections.abc import Callable

from torch import Tensor

from alkit.criteria.context import Context, as_context
from alkit.criteria.criterion import Criterion
from alkit.criteria.function import as_criterion
from alkit.criteria.temperature import Temperature, fit_temperature
from alkit.errors import ConfigurationError
from alkit.prediction import Prediction


class Tempered(Criterion):
    """A criterion of the model's outputs with their logits divided by a temperature.

        val_pool = al.ActiveLearningDataset(validation)
        criterion = al.criteria.Tempered(al.Entropy())
        strategy = al.Strategy(net, pool, criterion, val_pool=val_pool)
        query = strategy.query(120)      # TopK() of Tempered(Entropy(), 1.62)

    Without a temperature, each query fits the temperature of the model as it is then, to the
    annotated samples of the strategy's ``val_pool``: the model is not trained on them, they are
    drawn uniformly, and ``val_share`` of each query pays for them, so that no label is used that
    was not counted. Until something is held out it is 1. ``criterion.at(strategy.context)`` has
    the fitted temperature, with its calibration errors.

    The range is that of the criterion. A temperature belongs to one training of one model. It
    changes the order of candidates for everything that adds up near-certain probabilities
    (entropy, sums of criteria, weights of ``Power``); with two classes margins keep their order.

    Paper: Guo, Pleiss, Sun & Weinberger 2017, "On calibration of modern neural networks", section
    4.2. Cost: that of the criterion, and O(N K C) for each of its terms; to fit a temperature, one
    forward pass over the held-out samples per query.

    Args:
        criterion: the criterion, or a function of a prediction; all terms of a formula are
            tempered.
        temperature: a fitted one, or a number above 0. Default: fitted before each query.

    Raises:
        ConfigurationError: the temperature is not a number above 0; in a query, the strategy has
            no ``val_pool`` to fit it to.
    """

    def __init__(
        self,
        criterion: Criterion | Callable[[Prediction], Tensor],
        temperature: Temperature | float | None = None,
    ) -> None:
        self.criterion = as_criterion(criterion)
        number = isinstance(temperature, int | float)
        self.temperature = Temperature(temperature) if number else temperature
        if self.temperature is not None and not isinstance(self.temperature, Temperature):
            raise ConfigurationError(f"a temperature is a number above 0, got {temperature!r}.")
        self.row_by_row, self.in_chunks = self.criterion.row_by_row, self.criterion.in_chunks
        self.disagreement = self.criterion.disagreement
        self.scores_rows = self.criterion.scores_rows

    def score(self, prediction: Prediction) -> Tensor:
        if self.temperature is None:
            raise ConfigurationError(
                f"{self!r} has no temperature yet: give one, Tempered(criterion, temperature), or "
                "give the criterion to a Strategy with a val_pool, which fits it before each query."
            )
        return self.criterion.score(self.temperature(prediction))

    @property
    def terms(self) -> tuple[Criterion, ...]:
        return self._around(self.criterion.terms)

    def combine(self, *scores: Tensor) -> Tensor:
        return self.criterion.combine(*scores)

    @property
    def summands(self) -> tuple[Criterion, ...]:
        return self._around(self.criterion.summands)

    def at(self, context: Context) -> Criterion:
        bound = self._of(self.criterion.at(context))
        if self.temperature is None:
            held_out = as_context(context).held_out()
            bound = copy.copy(bound)
            bound.temperature = fit_temperature(*held_out) if held_out else Temperature()
        return bound

    def _around(self, parts: tuple[Criterion, ...]) -> tuple[Criterion, ...]:
        return tuple(self._of(part) for part in parts)

    def _of(self, part: Criterion) -> Tempered:
        if part is self.criterion:
            return self
        around = copy.copy(self)
        around.criterion = part
        around.row_by_row, around.in_chunks = part.row_by_row, part.in_chunks
        around.disagreement = part.disagreement
        around.scores_rows = part.scores_rows
        return around

    def __repr__(self) -> str:
        at = "" if self.temperature is None else f", {self.temperature.value:.3g}"
        return f"Tempered({self.criterion!r}{at})"
