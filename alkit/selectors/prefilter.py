from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from torch import Generator

from alkit.arguments import check_number
from alkit.selectors.candidates import Candidates
from alkit.selectors.function import as_selector
from alkit.selectors.picks import Picks, notes_of
from alkit.selectors.selector import Selector
from alkit.selectors.topk import TopK


class Prefilter(Selector):
    """A shortlist of ``factor * n`` candidates, from which another selector picks n.

        al.Prefilter(10, al.KCenter())   # spread over the 10 n highest scores

    If the shortlist holds all candidates, ``then`` alone decides. Probabilities of the picks are
    not returned, as most candidates have none. Cost: that of ``by`` for N candidates,
    O(N + m log m) for ``TopK()``, and that of ``then`` for a copy of ``m = factor * n`` candidates.

    Args:
        factor: length of the shortlist, as a multiple of n, at least 1; rounded up.
        then: selector that picks from the shortlist.
        by: selector that makes the shortlist. Default: ``TopK()``.

    Raises:
        ConfigurationError: factor is out of range, or ``then`` or ``by`` is not a selector.
    """

    def __init__(
        self,
        factor: float,
        then: Selector | Callable[..., Any],
        by: Selector | Callable[..., Any] | None = None,
    ) -> None:
        check_number("factor", factor, "a number of at least 1", lambda factor: factor >= 1)
        self.factor = factor
        self.then = as_selector(then)
        self.by = as_selector(TopK() if by is None else by)
        self.needs = self.then.needs | self.by.needs

    def select(self, candidates: Candidates, n: int, generator: Generator) -> Picks:
        size = math.ceil(self.factor * n - 1e-9)  # 1.1 * 50 is 55, not a little more
        if size >= len(candidates):
            picks = self.then(candidates, n, generator)
            return Picks(picks.positions, note=picks.note)
        listed = self.by(candidates.only(self.by.needs), size, generator)
        rows = listed.positions
        picks = self.then(candidates.only(self.then.needs)[rows], n, generator)
        return Picks(rows[picks.positions], note=notes_of([listed, picks]))

    def __repr__(self) -> str:
        by = "" if repr(self.by) == "TopK()" else f", {self.by!r}"
        return f"Prefilter({self.factor}, {self.then!r}{by})"
