from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from torch import Generator, Tensor

from alkit.selectors.candidates import Candidates
from alkit.selectors.selector import Selector, as_selector, check_number
from alkit.selectors.topk import TopK


class Prefilter(Selector):
    """A shortlist of ``factor * n`` candidates first, then n of these by another selector.

        al.Prefilter(10, al.KCenter())   # spread over the 10 n highest scores

    Where the shortlist takes in everyone, ``then`` alone decides. No probabilities are given, as
    most candidates have none. Cost: that of ``by`` for N candidates, O(N + m log m) where it is
    ``TopK()``, and that of ``then`` for ``m = factor * n``, of which a copy is made.

    Args:
        factor: how many times n are on the shortlist, at least 1; rounded up.
        then: what chooses among them.
        by: what makes the shortlist. Default: ``TopK()``.

    Raises:
        ConfigurationError: a factor out of range, or what is no selector.
    """

    def __init__(
        self,
        factor: float,
        then: Selector | Callable[..., Any],
        by: Selector | Callable[..., Any] | None = None,
    ) -> None:
        check_number("factor", factor, "of at least 1", lambda factor: factor >= 1)
        self.factor = factor
        self.then = as_selector(then)
        self.by = as_selector(TopK() if by is None else by)
        self.needs = self.then.needs | self.by.needs

    def select(self, candidates: Candidates, n: int, generator: Generator) -> Tensor:
        size = math.ceil(self.factor * n - 1e-9)  # 1.1 * 50 is 55, not a little more
        if size >= len(candidates):
            return self.then(candidates, n, generator).positions
        listed = self.by(candidates.only(self.by.needs), size, generator).positions
        return listed[self.then(candidates.only(self.then.needs)[listed], n, generator).positions]

    def __repr__(self) -> str:
        by = "" if repr(self.by) == "TopK()" else f", {self.by!r}"
        return f"Prefilter({self.factor}, {self.then!r}{by})"
