from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Generator, Tensor

from alkit.arguments import check_integer, check_number
from alkit.errors import ConfigurationError
from alkit.selectors.alfamix import ALFAMix
from alkit.selectors.bait import BAIT
from alkit.selectors.candidates import Candidates
from alkit.selectors.dropquery import DropQuery
from alkit.selectors.function import as_selector
from alkit.selectors.herding import MaxHerding, UncertaintyHerding
from alkit.selectors.kmeanspp import KMeansPlusPlus
from alkit.selectors.picks import Picks, notes_of
from alkit.selectors.random import Random
from alkit.selectors.selector import Selector
from alkit.selectors.spaces import GradientEmbedding, Space
from alkit.selectors.topk import TopK
from alkit.selectors.typiclust import TypiClust


class Refine(Selector):
    """Progressive filtering by several selectors; another one picks from what remains.

        al.selectors.Refine()                                  # the nine of the paper
        al.selectors.Refine([al.TopK(), al.KCenter()], batches=10)    # a cheaper ensemble

    In each of ``passes`` passes, the selectors pick ``batches`` batches of n in equal numbers, each
    batch from another random subset of the candidates that are left. Those that are in no batch are
    dropped. The union keeps what any selector values; what none values survives all passes by luck
    only. ``then`` finally picks n of the rest. Huseljic, Herde, Rauch, Hahn & Sick 2026, "Cleaning
    the pool: progressive filtering of unlabeled pools in deep active learning". The defaults are
    those of the authors' code.

    The default selectors need the features, the head and the labels; their scores should be those
    of ``Margin()``, which ``TopK``, one of them, and ``UncertaintyHerding`` use.

    Cost: that of the selectors for ``passes * batches`` batches of n, of which the first
    ``batches`` are from ``first`` candidates and the others from ``share`` of at most
    ``batches * n``; and that of ``then``. It does not depend on N beyond O(N) for each subset. Each
    batch copies what its selector needs of its subset.

    Args:
        selectors: selectors that filter, at least one. Default: see ``ensemble``.
        then: selector that picks at last. Default: ``UncertaintyHerding()``.
        passes: number of passes.
        batches: number of batches of a pass, rounded down to equal numbers for all selectors, of
            at least one.
        share: size of the subsets as a share of the candidates that are left, in (0, 1]; they are
            never smaller than n.
        first: size of the subsets in the first pass.
        most: largest number of candidates that a pass leaves; more are thinned at random.

    Raises:
        ConfigurationError: there are no selectors, an element is not a selector, or a number is out
            of range.
    """

    def __init__(
        self,
        selectors: Sequence[Selector | Callable[..., Any]] | None = None,
        then: Selector | Callable[..., Any] | None = None,
        *,
        passes: int = 5,
        batches: int = 100,
        share: float = 0.4,
        first: int = 5000,
        most: int = 10_000,
    ) -> None:
        if selectors is not None and (not isinstance(selectors, Sequence) or not len(selectors)):
            raise ConfigurationError(
                f"selectors must be a list, such as [TopK(), TypiClust()], got {selectors!r}."
            )
        self.selectors = ensemble() if selectors is None else [as_selector(s) for s in selectors]
        self.then = as_selector(UncertaintyHerding() if then is None else then)
        check_number("share", share, "a number in (0, 1]", lambda share: 0 < share <= 1)
        self.passes, self.batches = (
            check_integer("passes", passes),
            check_integer("batches", batches),
        )
        self.share, self.first = share, check_integer("first", first)
        self.most = check_integer("most", most)
        self.needs = self.then.needs.union(*(selector.needs for selector in self.selectors))

    def select(self, candidates: Candidates, n: int, generator: Generator) -> Picks:
        left, size = torch.arange(len(candidates)), self.first
        batches: list[Picks] = []
        for _ in range(self.passes):
            found = self._batches(candidates, left, max(size, n), n, generator)
            left = torch.cat([batch.positions for batch in found]).unique()
            left = _some(left, max(self.most, n), generator)
            size = int(self.share * len(left))
            batches += found
        picks = self.then(candidates.only(self.then.needs)[left], n, generator)
        return Picks(left[picks.positions], note=notes_of([*batches, picks]))

    def _batches(
        self, candidates: Candidates, left: Tensor, size: int, n: int, generator: Generator
    ) -> list[Picks]:
        """Batches of each selector, among candidates drawn from those that are left."""
        found = []
        for selector in self.selectors:
            ours = candidates.only(selector.needs)
            for _ in range(max(1, self.batches // len(self.selectors))):
                rows = _some(left, size, generator)
                picks = selector(ours[rows], n, generator)
                found.append(Picks(rows[picks.positions], note=picks.note))
        return found

    def __repr__(self) -> str:
        parts = [] if repr(self.selectors) == repr(ensemble()) else [repr(self.selectors)]
        parts += [] if repr(self.then) == "UncertaintyHerding()" else [f"then={self.then!r}"]
        defaults = {"passes": 5, "batches": 100, "share": 0.4, "first": 5000, "most": 10_000}
        given = ((name, getattr(self, name), value) for name, value in defaults.items())
        parts += [f"{name}={value}" for name, value, default in given if value != default]
        return f"Refine({', '.join(parts)})"


def ensemble(space: Space | None = None) -> list[Selector]:
    """The nine selectors of the paper, which filter by uncertainty, coverage, or both.

    Args:
        space: space of those that compare features. Default: that of each selector.
    """
    return [
        Random(),
        TopK(),
        KMeansPlusPlus(GradientEmbedding()),
        BAIT(pca=None, binary=True),
        TypiClust(space),
        ALFAMix(space),
        DropQuery(space),
        MaxHerding(space),
        UncertaintyHerding(space),
    ]


def _some(rows: Tensor, number: int, generator: Generator) -> Tensor:
    """At most ``number`` of these, drawn at random, in their order."""
    if number >= len(rows):
        return rows
    return rows[torch.randperm(len(rows), generator=generator)[:number].sort().values]
