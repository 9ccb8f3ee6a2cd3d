from __future__ import annotations

import math
from collections.abc import Callable, Set
from dataclasses import replace
from typing import Any

import torch
from torch import Generator, Tensor

from alkit.arguments import check_number
from alkit.errors import ConfigurationError
from alkit.prediction import Prediction
from alkit.selectors.candidates import Candidates
from alkit.selectors.function import as_selector
from alkit.selectors.picks import Picks, notes_of
from alkit.selectors.selector import Selector


class Mix(Selector):
    """Shares of the picks by several selectors, one after the other.

        al.selectors.Mix((0.2, al.Random()), (0.8, al.TopK()))   # a fifth at random

    Each part picks from the candidates that the parts before it left, and sees their picks as
    annotated samples. A part that uses labels does not see these, since they have no labels yet. A
    part gets ``share * n`` picks, rounded so that all sum to n: the largest fractions are rounded
    up, the earlier part first. Probabilities of the picks are returned if all parts return them.

    Cost: that of the parts; all but the first get a copy of O(N) rows.

    Args:
        *parts: pairs of a share in (0, 1] and a selector, in the order in which they pick.

    Raises:
        ConfigurationError: there are no pairs, or shares are out of range or do not sum to 1.
    """

    def __init__(self, *parts: tuple[float, Selector | Callable[..., Any]]) -> None:
        if not parts or not all(isinstance(part, tuple) and len(part) == 2 for part in parts):
            raise ConfigurationError(
                f"Mix takes pairs, such as (0.2, Random()), (0.8, TopK()), got {parts!r}."
            )
        for share, _ in parts:
            check_number("a share", share, "a number in (0, 1]", lambda share: 0 < share <= 1)
        total = math.fsum(share for share, _ in parts)
        if not math.isclose(total, 1, abs_tol=1e-6):
            raise ConfigurationError(f"the shares of Mix must sum to 1, got {total:g}.")
        self.parts = [(share, as_selector(selector)) for share, selector in parts]
        self.needs = frozenset().union(*(selector.needs for _, selector in self.parts))

    def select(self, candidates: Candidates, n: int, generator: Generator) -> Picks:
        left, picked = torch.arange(len(candidates)), torch.zeros(0, dtype=torch.long)
        chances: list[Tensor | None] = []
        made: list[Picks] = []
        for (_, selector), size in zip(self.parts, self._sizes(n), strict=True):
            if not size:
                continue
            picks = selector(_left(candidates, left, picked, selector.needs), size, generator)
            picked = torch.cat([picked, left[picks.positions]])
            left = left[torch.isin(left, picked, assume_unique=True, invert=True)]
            chances.append(picks.probabilities)
            made.append(picks)
        known = [probabilities for probabilities in chances if probabilities is not None]
        all_known = torch.cat(known) if len(known) == len(chances) else None
        unreachable = max((picks.unreachable for picks in made), default=0)
        return Picks(picked, all_known, unreachable, notes_of(made))

    def _sizes(self, n: int) -> list[int]:
        total = math.fsum(share for share, _ in self.parts)
        exact = [share / total * n for share, _ in self.parts]
        sizes = [math.floor(size) for size in exact]
        order = sorted(range(len(exact)), key=lambda i: sizes[i] - exact[i])
        for i in order[: n - sum(sizes)]:
            sizes[i] += 1
        return sizes

    def __repr__(self) -> str:
        return f"Mix({', '.join(f'({share}, {selector!r})' for share, selector in self.parts)})"


def _left(candidates: Candidates, left: Tensor, picked: Tensor, needs: Set[str]) -> Candidates:
    """Remaining candidates with only what is needed, and picks as further annotated samples."""
    ours = candidates.only(needs)
    if not len(picked):
        return ours
    rest, taken, known = ours[left], ours[picked], ours.annotated
    if "annotated" not in needs or "labels" in needs:
        return rest
    if rest.fixed is not None and taken.fixed is not None:
        rest = replace(rest, fixed=rest.fixed.joined(taken.fixed))
    if taken.prediction is None:
        return rest
    chosen = taken.prediction
    return replace(rest, annotated=chosen if known is None else _joined(known, chosen))


def _joined(first: Prediction, second: Prediction) -> Prediction:
    def both(name: str) -> Tensor | None:
        ours, theirs = getattr(first, name), getattr(second, name)
        return None if ours is None or theirs is None else torch.cat([ours, theirs])

    ids = torch.cat([first.ids, second.ids.to(first.ids.device)])
    return replace(first, outputs=both("outputs"), ids=ids, features=both("features"))
