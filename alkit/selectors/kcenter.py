from __future__ import annotations

from torch import Generator, Tensor

from alkit.selectors.candidates import Candidates
from alkit.selectors.geometry.farthest import farthest_first
from alkit.selectors.selector import Selector
from alkit.selectors.spaces import Space, as_space, shown


class KCenter(Selector):
    """Each time the candidate farthest from all that is annotated or picked: greedy core-set.

    No candidate is then farther from its nearest center than twice the least that any n picks
    could achieve. Sener & Savarese 2018, "Active learning for convolutional neural networks: a
    core-set approach", Algorithm 1; with nothing annotated the first pick is drawn at random.

    Lazy, and exact: the picks are those of comparing every candidate with every pick. Cost: at
    most O(N (A + n) D) multiply-adds for A annotated samples, most often a fraction of it;
    O(N + n D) memory beyond the features. Candidates that are equally far, to nine digits, are
    equally likely to be picked.

    Args:
        space: as what candidates are compared. Default: ``Features()``.
    """

    def __init__(self, space: Space | None = None) -> None:
        self.space = as_space(space)
        self.needs = self.space.needs | {"annotated"}

    def select(self, candidates: Candidates, n: int, generator: Generator) -> Tensor:
        return farthest_first(*self.space(candidates), n, generator)

    def __repr__(self) -> str:
        return f"KCenter({shown(self.space)})"
