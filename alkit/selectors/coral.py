from __future__ import annotations

from torch import Generator, Tensor

from alkit.errors import ScoreError
from alkit.selectors.candidates import Candidates
from alkit.selectors.geometry.farthest import farthest_first
from alkit.selectors.selector import Selector
from alkit.selectors.spaces import Space, as_space, shown


class Coral(Selector):
    """Each time the highest score times distance to the nearest annotated or picked sample.

    Core-set selection weighted by how informative each candidate is: the k-center greedy of Sener
    & Savarese 2018, with the distance multiplied by the score, as Lightly's CORAL does. With
    nothing annotated, the highest score is first. Once all that is left has a score of zero or
    equals a center, the order is that of ``KCenter``.

    The scores must not be negative. Only their ratios matter. Cost: that of ``KCenter``: at most
    O(N (A + n) D) multiply-adds for A annotated samples, O(N + n D) memory.

    Args:
        space: as what candidates are compared. Default: ``Features()``.

    Raises:
        ScoreError: a negative score.
    """

    def __init__(self, space: Space | None = None) -> None:
        self.space = as_space(space)
        self.needs = self.space.needs | {"annotated", "scores"}

    def select(self, candidates: Candidates, n: int, generator: Generator) -> Tensor:
        scores: Tensor = candidates.scores  # type: ignore[assignment]
        if (scores < 0).any():
            raise ScoreError(
                f"{self!r} multiplies distances by scores, which must not be negative: the lowest "
                f"is {float(scores.min()):.3g}. Use al.MinMax(criterion), or al.Rank(criterion)."
            )
        return farthest_first(*self.space(candidates), n, generator, weights=scores)

    def __repr__(self) -> str:
        return f"Coral({shown(self.space)})"
