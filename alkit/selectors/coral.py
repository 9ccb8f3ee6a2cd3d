from __future__ import annotations

from torch import Generator, Tensor

from alkit.errors import ScoreError
from alkit.selectors.candidates import Candidates, needed
from alkit.selectors.geometry.farthest import farthest_first
from alkit.selectors.selector import Selector
from alkit.selectors.spaces import Space, as_space, shown


class Coral(Selector):
    """Greedy k-center by score: each pick maximizes its score times distance to the nearest center.

    The centers are the annotated samples and the picks so far. This is core-set selection weighted
    by how informative each candidate is: the k-center greedy of Sener & Savarese 2018, with the
    distance multiplied by the score, as in Lightly's CORAL. With nothing annotated, the highest
    score comes first. Once all remaining candidates have a score of zero or equal a center, the
    order is that of ``KCenter``.

    The scores must not be negative. Only their ratios matter. Cost: that of ``KCenter``: at most
    O(N (A + n) D) multiply-adds for A annotated samples, O(N + n D) memory.

    Args:
        space: space in which candidates are compared. Default: ``Features()``.

    Raises:
        ScoreError: a score is negative.
    """

    def __init__(self, space: Space | None = None) -> None:
        self.space = as_space(space)
        self.needs = self.space.needs | {"annotated", "scores"}

    def select(self, candidates: Candidates, n: int, generator: Generator) -> Tensor:
        scores = needed(candidates.scores, "scores")
        if (scores < 0).any():
            raise ScoreError(
                f"{self!r} multiplies distances by scores, which must not be negative: the lowest "
                f"is {float(scores.min()):.3g}. Use al.Rank(criterion) or MinMax(criterion)."
            )
        return farthest_first(*self.space(candidates), n, generator, weights=scores)

    def __repr__(self) -> str:
        return f"Coral({shown(self.space)})"
