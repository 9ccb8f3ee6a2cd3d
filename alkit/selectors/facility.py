"""Facility location: representatives of the pool, of wanted classes, or of all but avoided ones."""

from __future__ import annotations

import operator
from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from alkit.errors import ConfigurationError
from alkit.selectors.candidates import Candidates
from alkit.selectors.geometry.coverage import (
    SAMPLE,
    Coverage,
    check_sample,
    greedy,
    highest_value,
    sample,
)
from alkit.selectors.geometry.points import Points
from alkit.selectors.selector import Selector, check_number
from alkit.selectors.spaces import Features, Space, as_space

# similarities are those of directions
DEFAULT = Features("cosine")


class FacilityLocation(Selector):
    """Each time the candidate that makes the pool more alike to what is picked, the most.

    It raises ``sum_i max_l s(i, l)`` over all l annotated or picked, of a similarity s: the
    cosine, where it is above zero; for other distances d, ``1 / (1 + d)``. Wei, Iyer & Bilmes
    2015, "Submodularity in data subset selection and active learning", section 4. At least
    ``1 - 1 / e`` of what any n picks could achieve.

    Where ``avoided`` names classes, only their annotated samples are in that maximum from the
    start. Picks then represent what is unlike these classes, whatever else is annotated: the
    conditional gain of Kothawade, Beck, Killamsetty & Iyer 2021, "SIMILAR: Submodular information
    measures based active learning in realistic scenarios", Table 1 (FLCG).

    The sum is over ``sample`` candidates drawn at random, exact where there are no more. Where no
    pick would raise it, picks are the farthest from all others, as of ``KCenter``.

    Cost: O(N M D) multiply-adds for a sample of M, a few times that without the table. Memory: a
    table of 4 N M bytes where there is room for it, at most 4 GiB, else O(N).

    Args:
        space: as what candidates are compared. Default: ``Features("cosine")``.
        avoided: numbers of the classes to stay away from. Default: whatever is annotated.
        sample: over how many candidates the sum is, at least 1; None: over all.

    Raises:
        ConfigurationError: ``avoided`` that are no class numbers, or a ``sample`` that is no
            integer of at least 1.
    """

    def __init__(
        self,
        space: Space | None = None,
        *,
        avoided: Sequence[int] | None = None,
        sample: int | None = SAMPLE,
    ) -> None:
        check_sample(sample)
        self.space = as_space(DEFAULT if space is None else space)
        self.avoided = None if avoided is None else _classes("avoided", avoided)
        self.sample = sample
        self.needs = self.space.needs | {"annotated"}
        if avoided is not None:
            self.needs |= {"labels"}

    def select(self, candidates: Candidates, n: int, generator: Generator) -> Tensor:
        points, known = self.space(candidates)
        rows = sample(points, self.sample, generator)
        targets = None if rows is None else points[rows]
        start = known if self.avoided is None else _of(self.avoided, known, candidates)
        coverage = Coverage(similarity, points, targets, known=start)
        return greedy(coverage, known, n, generator)

    def __repr__(self) -> str:
        parts = _shown(self.space)
        parts += [] if self.avoided is None else [f"avoided={self.avoided}"]
        parts += [] if self.sample == SAMPLE else [f"sample={self.sample!r}"]
        return f"FacilityLocation({', '.join(parts)})"


class FacilityLocationMutualInformation(Selector):
    """Candidates alike to the annotated samples of wanted classes, and to all kinds of these.

    With Q the annotated samples of the classes ``wanted``, each pick is the candidate that
    raises ``sum_q max_j s(q, j) + relevance * sum_j max_q s(q, j)`` over all j picked the most:
    the mutual information of picks and Q of Kothawade, Beck, Killamsetty & Iyer 2021, "SIMILAR:
    Submodular information measures based active learning in realistic scenarios", Table 1
    (FLQMI). For rare classes of which a few samples are known. s is that of
    ``FacilityLocation``; what equals an annotated sample or a pick comes last.

    While nothing of these classes is annotated, picks are the farthest from all others, as of
    ``KCenter``.

    Cost: O(N (A + Q) D) multiply-adds for A annotated samples; O(N) memory, and a table of
    4 N Q bytes where there is room for it, at most 4 GiB.

    Args:
        wanted: numbers of the classes to look for.
        space: as what candidates are compared. Default: ``Features("cosine")``.
        relevance: the weight of the second sum, at least 0: the larger it is, the more alike to
            Q, and the less to all kinds of it.

    Raises:
        ConfigurationError: ``wanted`` that are no class numbers, or a negative ``relevance``.
    """

    def __init__(
        self, wanted: Sequence[int], space: Space | None = None, *, relevance: float = 1.0
    ) -> None:
        check_number("relevance", relevance, "of at least 0", lambda value: value >= 0)
        self.wanted = _classes("wanted", wanted)
        self.space = as_space(DEFAULT if space is None else space)
        self.relevance = relevance
        self.needs = self.space.needs | {"annotated", "labels"}

    def select(self, candidates: Candidates, n: int, generator: Generator) -> Tensor:
        points, known = self.space(candidates)
        targets = _of(self.wanted, known, candidates)
        if known is None or targets is None:
            return greedy(Coverage(similarity, points, points[:0]), known, n, generator)
        bonus = self.relevance * highest_value(similarity, points, targets)
        coverage = Coverage(similarity, points, targets, bonus=bonus)
        coverage.drop((points.reach(known) == 0).nonzero().flatten())
        return greedy(coverage, known, n, generator)

    def __repr__(self) -> str:
        parts = [str(self.wanted), *_shown(self.space)]
        parts += [] if self.relevance == 1 else [f"relevance={self.relevance!r}"]
        return f"FacilityLocationMutualInformation({', '.join(parts)})"


def similarity(points: Points, others: Points) -> Tensor:
    """``(N, M)`` cosines, or ``1 / (1 + d)`` of other distances d."""
    if points.metric == "cosine":
        return points.inner(others)
    return points.distances(others).add_(1).reciprocal_()


def _of(classes: list[int], known: Points | None, candidates: Candidates) -> Points | None:
    """The annotated samples of these classes; None where there are none."""
    if known is None:
        return None
    labels: Tensor = candidates.labels  # type: ignore[assignment]
    mask = torch.isin(labels, torch.tensor(classes, device=labels.device))
    return known[mask.to(known.device)] if bool(mask.any()) else None


def _classes(name: str, classes: Sequence[int]) -> list[int]:
    try:
        numbers = [operator.index(number) for number in classes]
    except TypeError:
        numbers = []
    if not numbers or min(numbers) < 0:
        raise ConfigurationError(f"{name} must be class numbers, such as [3, 7], got {classes!r}.")
    return numbers


def _shown(space: Space) -> list[str]:
    return [] if repr(space) == repr(DEFAULT) else [f"space={space!r}"]
