from __future__ import annotations

from torch import Generator, Tensor

from alkit.selectors.candidates import Candidates
from alkit.selectors.geometry.cells import farthest_in_largest
from alkit.selectors.selector import Selector
from alkit.selectors.spaces import Space, as_space, shown


class LCMD(Selector):
    """Largest cluster maximum distance: far candidates, where many are far from all centers.

    The centers are the annotated samples and the picks so far. A cluster holds all candidates that
    are nearest to one center; its size is the sum of their squared distances to it. Each pick is
    the candidate farthest from its center in the largest cluster. ``KCenter`` picks strays first;
    LCMD picks where the pool is dense and not yet covered. With nothing annotated, the first pick
    is the farthest from the origin. Holzmueller, Zaverkin, Kaestner & Steinwart 2023, "A framework
    and benchmark for deep batch active learning for regression", LCMD-TP, found best there for
    regression; with ``GradientSketch()``, it is the method that they propose.

    Any task. Cost: O(N (A + n) D) multiply-adds for A annotated samples. Memory: O(N) beyond the
    features. Candidates that are equally far, to nine digits, are equally likely to be picked;
    those that equal a center come last.

    Args:
        space: space in which candidates are compared. Default: ``Features()``; those of the last
            hidden layer are, up to a constant, the gradient of the output in the last layer.
    """

    def __init__(self, space: Space | None = None) -> None:
        self.space = as_space(space)
        self.needs = self.space.needs | {"annotated"}

    def select(self, candidates: Candidates, n: int, generator: Generator) -> Tensor:
        return farthest_in_largest(*self.space(candidates), n, generator)

    def __repr__(self) -> str:
        return f"LCMD({shown(self.space)})"
