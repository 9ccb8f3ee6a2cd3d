"""Each: a criterion of the rows of a structured output, reduced to one score per sample."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Literal

from torch import Tensor

from alkit.arguments import check_number
from alkit.criteria.context import Context
from alkit.criteria.criterion import Composite, Criterion, in_parentheses
from alkit.criteria.function import as_criterion
from alkit.criteria.row_reductions import Count, TopShare, as_reduction
from alkit.criteria.scores import over_rows
from alkit.criteria.tempered import Tempered
from alkit.errors import ConfigurationError
from alkit.prediction import Prediction

Reduce = Literal["mean", "max", "sum"] | TopShare | Count | Callable[[Tensor], Any]


class Each(Criterion):
    """Score of each sample from the scores of its rows: pixels, tokens, boxes, keypoints, labels.

        al.Each(al.Entropy(), al.TopShare(0.05))    # segmentation
        al.Each(al.Margin(), "sum")                 # detection

    Where samples have several rows, a criterion without ``Each`` counts the mean. Of one row per
    sample, ``"mean"``, ``"max"`` and ``"sum"`` are the criterion itself. Range: that of the
    criterion; for a sum, times the number of rows. Rows are scored in chunks that fit the cache.

    Cost: that of the criterion on M rows, and O(M); memory: O(M) beside the rows of a batch, or
    N times the largest number of rows of a sample where these numbers differ.

    Args:
        criterion: criterion of a row, or a function of a prediction of M rows.
        reduce: ``"mean"``, ``"max"``, ``"sum"``, ``TopShare(share)``, ``Count(above)``, or a
            function from the scores ``(m,)`` of one sample to a number.
        empty: score of a sample without rows, such as an image without boxes. Where scores can be
            negative, 0 is not the lowest; a query that picks such samples before others warns.

    Raises:
        ConfigurationError: the criterion compares candidates (write ``Rank(Each(...))``) or
            contains an ``Each``; or ``reduce`` or ``empty`` is something else.
    """

    scores_rows = False
    binds = 0

    def __init__(
        self,
        criterion: Criterion | Callable[[Prediction], Tensor],
        reduce: Reduce = "mean",
        *,
        empty: float = 0.0,
    ) -> None:
        self.criterion = as_criterion(criterion)
        if not self.criterion.row_by_row:
            raise ConfigurationError(
                f"{self.criterion!r} compares all candidates, and Each scores the rows of one "
                "sample at a time: transform the score of the sample, Rank(Each(criterion))."
            )
        if any(isinstance(term, Each) for term in self.criterion.terms):
            raise ConfigurationError(f"{self.criterion!r} has one score per sample already.")
        check_number("empty", empty, "a finite number", lambda _: True)
        self.reduce = reduce
        self._reduction, self._name = as_reduction(reduce)
        self.empty = float(empty)
        self.unit = "rows"

    @property
    def disagreement(self) -> bool:  # type: ignore[override]
        return any(term.disagreement for term in self.criterion.terms)

    def score(self, prediction: Prediction) -> Tensor:
        return over_rows(self.criterion, prediction, self._reduction, self.empty)

    def at(self, context: Context) -> Criterion:
        bound = copy.copy(self)
        bound.criterion = self.criterion.at(context)
        return bound

    def __repr__(self) -> str:
        inner = in_parentheses(self.criterion, below=3)
        none = f", {self.empty:g} without {self.unit}" if self.empty else ""
        return f"{self._name} over {self.unit} of {inner}{none}"


def over(criterion: Criterion, unit: str) -> Criterion:
    """The formula of a criterion for samples with several rows of a unit, such as ``"pixels"``.

    A leaf that scores rows becomes its mean over them, as ``scores_of`` computes it. Without a
    unit, samples have one row, and the formula stays.
    """
    if not unit:
        return criterion
    if isinstance(criterion, Composite):
        formula = copy.copy(criterion)
        formula.parts = tuple(over(part, unit) for part in criterion.parts)
        return formula
    if isinstance(criterion, Tempered):
        return criterion._of(over(criterion.criterion, unit))
    if not isinstance(criterion, Each):
        if not criterion.scores_rows or not criterion.terms:
            return criterion
        criterion = Each(criterion)
    formula = copy.copy(criterion)
    formula.unit = unit
    return formula
