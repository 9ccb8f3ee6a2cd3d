from __future__ import annotations

from torch import Generator, Tensor

from alkit.selectors.candidates import Candidates
from alkit.selectors.geometry.farthest import farthest_first
from alkit.selectors.selector import Selector
from alkit.selectors.spaces import Space, as_space, shown


class KCenter(Selector):
    """Greedy k-center (core-set): each pick is the candidate farthest from all centers so far.

    The centers are the annotated samples and the picks. In the end no candidate is farther from its
    nearest center than twice the least that any n picks could achieve. Sener & Savarese 2018,
    "Active learning for convolutional neural networks: a core-set approach", Algorithm 1. With
    nothing annotated the first pick is drawn at random.

    Lazy, but exact: the picks are those of comparing every candidate with every pick. Cost: at
    most O(N (A + n) D) multiply-adds for A annotated samples, usually a fraction of it;
    O(N + n D) memory beyond the features. Candidates that are equally far, to nine digits, are
    equally likely to be picked.

    Args:
        space: space in which candidates are compared. Default: ``Features()``.
    """

    def __init__(self, space: Space | None = None) -> None:
        self.space = as_space(space)
        self.needs = self.space.needs | {"annotated"}

    def select(self, candidates: Candidates, n: int, generator: Generator) -> Tensor:
        return farthest_first(*self.space(candidates), n, generator)

    def __repr__(self) -> str:
        return f"KCenter({shown(self.space)})"
