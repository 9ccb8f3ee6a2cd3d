from __future__ import annotations

import copy
from collections.abc import Callable

from torch import Tensor

from alkit.criteria.criterion import Criterion
from alkit.criteria.function import as_criterion
from alkit.criteria.temperature import Temperature
from alkit.prediction import Prediction


class Tempered(Criterion):
    """A criterion of the model's outputs with their logits divided by a temperature.

        temperature = al.fit_temperature(prediction_of_held_out, labels)
        strategy.criterion = al.Tempered(al.Entropy(), temperature)

    In its range, which the criterion has anyway. A temperature is of one training of one model:
    fit it anew after each, on labels that were held out, as ``CalibratedStrategy`` does before
    each query. It changes the order of candidates for all that adds up what is nearly certain
    (entropy, sums of criteria, weights of ``Power``); with two classes margins keep their order.

    Paper: Guo, Pleiss, Sun & Weinberger 2017, "On calibration of modern neural networks", section
    4.2. Cost: that of the criterion, and O(N K C) for each of its terms.

    Args:
        criterion: whose outputs are tempered; all terms of a formula are.
        temperature: a fitted one, or a number above 0.

    Raises:
        ConfigurationError: a temperature that is no number above 0.
    """

    def __init__(
        self,
        criterion: Criterion | Callable[[Prediction], Tensor],
        temperature: Temperature | float,
    ) -> None:
        self.criterion = as_criterion(criterion)
        given = isinstance(temperature, Temperature)
        self.temperature = temperature if given else Temperature(temperature)
        self.row_by_row, self.in_chunks = self.criterion.row_by_row, self.criterion.in_chunks

    def score(self, prediction: Prediction) -> Tensor:
        return self.criterion.score(self.temperature(prediction))

    @property
    def terms(self) -> tuple[Criterion, ...]:
        return self._around(self.criterion.terms)

    def combine(self, *scores: Tensor) -> Tensor:
        return self.criterion.combine(*scores)

    @property
    def summands(self) -> tuple[Criterion, ...]:
        return self._around(self.criterion.summands)

    def at(self, round: int) -> Criterion:
        return self._of(self.criterion.at(round))

    def _around(self, parts: tuple[Criterion, ...]) -> tuple[Criterion, ...]:
        return tuple(self._of(part) for part in parts)

    def _of(self, part: Criterion) -> Tempered:
        if part is self.criterion:
            return self
        around = copy.copy(self)
        around.criterion = part
        around.row_by_row, around.in_chunks = part.row_by_row, part.in_chunks
        return around

    def __repr__(self) -> str:
        return f"Tempered({self.criterion!r}, {self.temperature.value:.3g})"
