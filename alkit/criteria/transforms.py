"""Common scales, to combine criteria with different units in one formula.

A transformed score depends on all candidates, so it is computed once over all of them, never per
chunk. Transforms declare this by ``row_by_row = False``, and so does any formula that contains one.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from alkit.criteria.criterion import Composite, Criterion
from alkit.criteria.function import as_criterion
from alkit.prediction import Prediction


class Transform(Composite):
    """Scores relative to those of all other candidates; subclasses override ``apply``.

    Args:
        criterion: criterion to transform, or a function of a prediction.
    """

    def __init__(self, criterion: Criterion | Callable[[Prediction], Tensor]) -> None:
        super().__init__(as_criterion(criterion))
        self.row_by_row = False


class Rank(Transform):
    """Quantile of a score among all candidates, in [0, 1], ties averaged.

    0 is the lowest score and 1 the highest; a single candidate, or one that is tied with all
    others, has 0.5. Any increasing function of a score has the same rank. Depends on other rows.
    Cost: O(N log N).
    """

    def apply(self, *scores: Tensor) -> Tensor:
        (column,) = scores
        _, group, counts = column.unique(return_inverse=True, return_counts=True)
        below = counts.cumsum(0) - counts
        positions = below.double() + (counts - 1).double() / 2
        if len(column) < 2:
            return column.new_full(column.shape, 0.5)
        return (positions / (len(column) - 1)).to(column.dtype)[group]


class MinMax(Transform):
    """Scores shifted and scaled to [0, 1] over all candidates; 0.5 if all are equal.

    Keeps the shape of the scores, so a single outlier compresses the others. Depends on other
    rows. Cost: O(N).
    """

    def apply(self, *scores: Tensor) -> Tensor:
        (column,) = scores
        return _to_unit_interval(column).to(column.dtype)


class ZScore(Transform):
    """Scores with mean 0 and standard deviation 1 over all candidates (divided by N).

    Scores that are all equal become zeros. No unit, no bounds. Depends on other rows. Cost: O(N).
    """

    def apply(self, *scores: Tensor) -> Tensor:
        (column,) = scores
        unit = _to_unit_interval(column)  # same z-scores, and no square overflows or underflows
        centered = unit - unit.mean()
        deviation = centered.square().mean().sqrt()
        return (centered / deviation if deviation > 0 else centered).to(column.dtype)


def _to_unit_interval(scores: Tensor) -> Tensor:
    """Scores scaled to [0, 1], ``(N,)`` in float64, for accurate sums over a large pool."""
    scores = scores.double()
    if not len(scores):
        return scores
    low, high = scores.aminmax()
    return (scores - low) / (high - low) if high > low else scores.new_full(scores.shape, 0.5)
