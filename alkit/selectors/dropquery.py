from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Generator, Tensor, nn

from alkit.arguments import check_number
from alkit.errors import PredictionError
from alkit.progress import report
from alkit.selectors.candidates import Candidates, needed
from alkit.selectors.geometry.clustering import space_with_means
from alkit.selectors.kmeans import medoids
from alkit.selectors.selector import Selector
from alkit.selectors.spaces import Space, shown

ROWS = 1024  # rows that go through the head at a time


class DropQuery(Selector):
    """Medoids of the candidates whose predicted class flips in most passes with dropped features.

    Each pass drops features at random, like dropout in training, and records the class that the
    head predicts. k-means splits the candidates whose predicted class changes in more than half of
    the passes into n clusters, and the nearest to each mean is picked. Gupte et al. 2024,
    "Revisiting active learning in the era of vision foundation models", section 5: for features
    that were learned elsewhere, under a linear head.

    If at most n candidates flip in more than half of the passes, all of them are picked, then
    medoids of those with one flip less, and so on. Annotated samples are ignored.

    Cost: ``passes + 1`` passes of the head on ``(N, D)``, ``passes`` times N D random numbers, and
    ``KMeans`` on the candidates that flip, at most O(N n (D + 320)). O(32 N + n D) memory.

    Args:
        space: space in which candidates are compared: euclidean or cosine. Default:
            ``Features()``.
        dropout: probability with which each feature is dropped, above 0 and below 1.
        passes: number of passes.

    Raises:
        ConfigurationError: an argument is out of range, or the space has the manhattan distance.
        PredictionError: the head does not return logits (N, C), or those of exclusive classes.
    """

    def __init__(
        self, space: Space | None = None, *, dropout: float = 0.75, passes: int = 3
    ) -> None:
        self.space = space_with_means(space)
        check_number(
            "dropout", dropout, "a number above 0 and below 1", lambda share: 0 < share < 1
        )
        whole = "an integer of at least 1"
        check_number("passes", passes, whole, lambda number: number >= 1 and number == int(number))
        self.dropout, self.passes = dropout, int(passes)
        self.needs = self.space.needs | {"features", "head"}

    def select(self, candidates: Candidates, n: int, generator: Generator) -> Tensor:
        check_classes(self, candidates)
        flips = self._flips(candidates.features, needed(candidates.head, "head"), generator)
        most = flips.clamp(max=self.passes // 2 + 1)  # further flips do not count
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
        """``(N,)`` numbers of passes in which dropout changes the predicted class."""
        counts = torch.empty(len(features), dtype=torch.long, device=features.device)
        for start in range(0, len(features), ROWS):
            report(start, len(features))
            block = for_head(head, features[start : start + ROWS])
            guesses = logits_of(head, block).argmax(1)
            flips = torch.zeros_like(guesses)
            for _ in range(self.passes):
                kept = torch.rand(block.shape, generator=generator) >= self.dropout
                dropped = block * kept.to(block.device) / (1 - self.dropout)
                flips += logits_of(head, dropped).argmax(1) != guesses
            counts[start : start + ROWS] = flips
        return counts

    def __repr__(self) -> str:
        parts = [shown(self.space), "" if self.dropout == 0.75 else f"dropout={self.dropout}"]
        parts += [] if self.passes == 3 else [f"passes={self.passes}"]
        return f"DropQuery({', '.join(filter(None, parts))})"


def check_classes(selector: Selector, candidates: Candidates) -> None:
    """Raise a PredictionError unless the head returns logits of exclusive classes."""
    task = "multiclass" if candidates.prediction is None else candidates.prediction.task
    if task not in ("multiclass", "binary"):
        raise PredictionError(
            f"{selector!r} compares the classes that the head predicts, and the task of the model "
            f'is "{task}". Compare features, KCenter(), or, of independent labels, gradients, '
            "KMeansPlusPlus(GradientEmbedding())."
        )


def for_head(head: Callable[[Tensor], Tensor], features: Tensor) -> Tensor:
    """Features in the precision of the head; as they are for a function without weights."""
    module = head if isinstance(head, nn.Module) else getattr(head, "module", None)
    weights = module.parameters() if isinstance(module, nn.Module) else ()
    first = next((each for each in weights if each.is_floating_point()), None)
    return features if first is None else features.to(first.dtype)


def logits_of(head: Callable[[Tensor], Tensor], features: Tensor) -> Tensor:
    """Logits ``(M, C)`` of features ``(M, D)``; a single logit becomes those of two classes.

    Raises:
        PredictionError: the head returns anything else.
    """
    logits = head(for_head(head, features))
    if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != len(features):
        got = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise PredictionError(
            f"the head must return logits ({len(features)}, C) for features "
            f"{tuple(features.shape)}, got {got}."
        )
    if logits.shape[1] > 1:
        return logits
    return torch.cat([torch.zeros_like(logits), logits], dim=1)
