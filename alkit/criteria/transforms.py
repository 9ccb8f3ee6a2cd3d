"""Common scales: how criteria of different units meet in one formula.

These look at other rows: a score depends on all the candidates, and is computed once over all
of them, never per chunk. They say so by ``row_by_row = False``, and a formula that contains one
says the same.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from alkit.criteria.criterion import Composite, Criterion
from alkit.criteria.function import as_criterion
from alkit.prediction import Prediction


class Transform(Composite):
    """Scores set in relation to those of all other candidates; override ``apply``.

    Args:
        criterion: whose scores, or a function of a prediction.
    """

    def __init__(self, criterion: Criterion | Callable[[Prediction], Tensor]) -> None:
        super().__init__(as_criterion(criterion))
        self.row_by_row = False


class Rank(Transform):
    """The quantile of a score among all candidates, in [0, 1], ties averaged.

    0 is the lowest of the pool and 1 the highest; a candidate alone, or tied with all others,
    has 0.5. Any increasing function of a score has the same rank. Looks at other rows.
    Cost: O(N log N).
    """

    def apply(self, scores: Tensor) -> Tensor:  # type: ignore[override]
        _, group, counts = scores.unique(return_inverse=True, return_counts=True)
        below = counts.cumsum(0) - counts
        positions = below.double() + (counts - 1).double() / 2
        if len(scores) < 2:
            return scores.new_full(scores.shape, 0.5)
        return (positions / (len(scores) - 1)).to(scores.dtype)[group]


class MinMax(Transform):
    """Scores moved and scaled to [0, 1] over all candidates; 0.5 where all are equal.

    Keeps the shape of the scores, and so gives way to a single outlier. Looks at other rows.
    Cost: O(N).
    """

    def apply(self, scores: Tensor) -> Tensor:  # type: ignore[override]
        return _to_unit_interval(scores).to(scores.dtype)


class ZScore(Transform):
    """Scores with mean 0 and standard deviation 1 over all candidates (divided by N).

    All equal scores become zeros. No unit, no bounds. Looks at other rows. Cost: O(N).
    """

    def apply(self, scores: Tensor) -> Tensor:  # type: ignore[override]
        unit = _to_unit_interval(scores)  # the same z-scores, and no square over- or underflows
        centered = unit - unit.mean()
        deviation = centered.square().mean().sqrt()
        return (centered / deviation if deviation > 0 else centered).to(scores.dtype)


def _to_unit_interval(scores: Tensor) -> Tensor:
    """``(N,)`` in float64, whose sums over a large pool keep their digits."""
    scores = scores.double()
    if not len(scores):
        return scores
    low, high = scores.aminmax()
    return (scores - low) / (high - low) if high > low else scores.new_full(scores.shape, 0.5)
