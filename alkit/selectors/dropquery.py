from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from alkit.errors import PredictionError
from alkit.selectors.candidates import Candidates
from alkit.selectors.geometry.clustering import space_with_means
from alkit.selectors.kmeans import medoids
from alkit.selectors.selector import Selector, check_number
from alkit.selectors.spaces import Space, shown

ROWS = 1024  # that go through the head at a time


class DropQuery(Selector):
    """Medoids of the candidates whose guess flips in most passes with features dropped out.

    Each pass drops features at random, as dropout does while it trains, and looks what the head
    then guesses. Candidates that change their guess in more than half of the passes fall into n
    clusters by k-means; the nearest to each mean is picked. Gupte et al. 2024, "Revisiting active
    learning in the era of vision foundation models", section 5: for features that were learned
    elsewhere, under a linear head.

    Where no more than n flip in so many passes they are all picked, then medoids of those with one
    flip less, and so on. Annotated samples are not looked at.

    Cost: that of ``passes + 1`` times the head on ``(N, D)``, as many times N D random numbers,
    and that of ``KMeans`` on what flips: O(N n (D + 320)) at most. O(32 N + n D) memory.

    Args:
        space: as what candidates are compared: euclidean, or cosine. Default: ``Features()``.
        dropout: the probability with which each feature is dropped, above 0 and below 1.
        passes: how many passes.

    Raises:
        ConfigurationError: an argument out of range, or a space of the manhattan distance.
        PredictionError: a head that does not return logits (N, C).
    """

    def __init__(
        self, space: Space | None = None, *, dropout: float = 0.75, passes: int = 3
    ) -> None:
        self.space = space_with_means(space)
        check_number("dropout", dropout, "above 0 and below 1", lambda share: 0 < share < 1)
        whole = "that is whole and at least 1"
        check_number("passes", passes, whole, lambda number: number >= 1 and number == int(number))
        self.dropout, self.passes = dropout, int(passes)
        self.needs = self.space.needs | {"features", "head"}

    def select(self, candidates: Candidates, n: int, generator: Generator) -> Tensor:
        flips = self._flips(candidates.features, candidates.head, generator)  # type: ignore
        most = flips.clamp(max=self.passes // 2 + 1)  # as good as any more
        picks: list[Tensor] = []
        for level in most.unique().flip(0):
            rows, missing = (most == level).nonzero().flatten().cpu(), n - sum(map(len, picks))
            if missing and len(rows) > missing:
                points, _ = self.space(candidates.only(self.space.needs)[rows])
                rows = rows[medoids(points, None, missing, generator)]
            elif missing:
                rows = rows[torch.randperm(len(rows), generator=generator)]
            picks.append(rows[:missing])
        return torch.cat(picks)

    @torch.no_grad()
    def _flips(
        self, features: Tensor, head: Callable[[Tensor], Tensor], generator: Generator
    ) -> Tensor:
        """``(N,)`` in how many passes the guess is another one than without dropout."""
        counts = []
        for block in features.split(ROWS):
            guesses = logits_of(head, block).argmax(1)
            flips = torch.zeros_like(guesses)
            for _ in range(self.passes):
                kept = torch.rand(block.shape, generator=generator) >= self.dropout
                dropped = block * kept.to(block.device) / (1 - self.dropout)
                flips += logits_of(head, dropped).argmax(1) != guesses
            counts.append(flips)
        return torch.cat(counts)

    def __repr__(self) -> str:
        parts = [shown(self.space), "" if self.dropout == 0.75 else f"dropout={self.dropout}"]
        parts += [] if self.passes == 3 else [f"passes={self.passes}"]
        return f"DropQuery({', '.join(filter(None, parts))})"


def logits_of(head: Callable[[Tensor], Tensor], features: Tensor) -> Tensor:
    """What a head makes of features ``(M, D)``: logits ``(M, C)``; of one, those of both classes.

    Raises:
        PredictionError: it returns anything else.
    """
    logits = head(features)
    if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != len(features):
        got = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise PredictionError(
            f"the head must return logits ({len(features)}, C) of features "
            f"{tuple(features.shape)}, got {got}."
        )
    if logits.shape[1] > 1:
        return logits
    return torch.cat([torch.zeros_like(logits), logits], dim=1)
