"""Facility location: representatives of the pool, or picks by wanted and avoided classes."""

from __future__ import annotations

import operator
from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from alkit.arguments import check_number
from alkit.errors import ConfigurationError
from alkit.selectors.candidates import Candidates, Picks, needed
from alkit.selectors.geometry.coverage import (
    SAMPLE,
    Coverage,
    check_sample,
    greedy,
    highest_value,
    sample,
)
from alkit.selectors.geometry.points import Points
from alkit.selectors.part import Part
from alkit.selectors.selector import Selector
from alkit.selectors.spaces import Features, Space, as_space

# similarities are cosines
DEFAULT = Features("cosine")


class FacilityLocation(Selector):
    """Greedy facility location: picks that represent the whole pool, or all but avoided classes.

    Each pick is the candidate that raises ``sum_i max_l s(i, l)`` the most, over all l annotated or
    picked. The similarity s is the cosine where it is above zero, or ``1 / (1 + d)`` for other
    distances d. Wei, Iyer & Bilmes 2015, "Submodularity in data subset selection and active
    learning", section 4. The sum reaches at least ``1 - 1 / e`` of what any n picks could achieve.

    With ``avoided``, only annotated samples of the avoided classes are in the maximum from the
    start. Picks then represent what is unlike these classes, whatever else is annotated. This is
    the conditional gain of Kothawade, Beck, Killamsetty & Iyer 2021, "SIMILAR: Submodular
    information measures based active learning in realistic scenarios", Table 1 (FLCG).

    The sum is over ``sample`` candidates drawn at random, or over all if there are no more than
    that. Once no pick would raise it, picks are the farthest from all others, as in ``KCenter``.
    Of more than 65,536 candidates, the picks are among that many; see ``MaxHerding``.

    Cost: O(N M D) multiply-adds for a sample of M, a few times that without the table. N counts at
    most 65,536, or the sample if that is larger. Memory: a table of 4 N M bytes if there is room
    for it, at most 4 GiB, or 1 GiB where candidates are drawn; else O(N).

    Args:
        space: space in which candidates are compared. Default: ``Features("cosine")``.
        avoided: numbers of the classes to avoid. Default: all annotated samples count.
        sample: number of candidates in the sum, at least 1; None: all of them.

    Raises:
        ConfigurationError: ``avoided`` are not class numbers, or ``sample`` is not an integer of at
            least 1.
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

    def select(self, candidates: Candidates, n: int, generator: Generator) -> Tensor | Picks:
        part = Part.of(candidates, n, generator, size=self.sample)
        points, known = self.space(part.candidates)
        rows = sample(points, self.sample, generator)
        targets = None if rows is None else points[rows]
        start = known if self.avoided is None else _of(self.avoided, known, candidates)
        coverage = Coverage(similarity, points, targets, known=start, room=part.room)
        return part.picks(greedy(coverage, known, n, generator))

    def __repr__(self) -> str:
        parts = _shown(self.space)
        parts += [] if self.avoided is None else [f"avoided={self.avoided}"]
        parts += [] if self.sample == SAMPLE else [f"sample={self.sample!r}"]
        return f"FacilityLocation({', '.join(parts)})"


class FacilityLocationMutualInformation(Selector):
    """Candidates similar to the annotated samples of wanted classes, covering all kinds of these.

    Let Q be the annotated samples of the ``wanted`` classes. Each pick is the candidate that raises
    ``sum_q max_j s(q, j) + relevance * sum_j max_q s(q, j)`` the most, over all j picked. This is
    the mutual information of picks and Q of Kothawade, Beck, Killamsetty & Iyer 2021, "SIMILAR:
    Submodular information measures based active learning in realistic scenarios", Table 1 (FLQMI).
    For rare classes with a few known samples. The similarity s is that of ``FacilityLocation``;
    candidates equal to an annotated sample or a pick come last.

    If none of these classes is annotated, picks are the farthest from all others, as in
    ``KCenter``.

    Cost: O(N (A + Q) D) multiply-adds for A annotated samples; O(N) memory, and a table of
    4 N Q bytes if there is room for it, at most 4 GiB.

    Args:
        wanted: numbers of the classes to look for.
        space: space in which candidates are compared. Default: ``Features("cosine")``.
        relevance: weight of the second sum, at least 0. A larger weight favors similarity to Q
            over coverage of all kinds of it.

    Raises:
        ConfigurationError: ``wanted`` are not class numbers, or ``relevance`` is negative.
    """

    def __init__(
        self, wanted: Sequence[int], space: Space | None = None, *, relevance: float = 1.0
    ) -> None:
        check_number("relevance", relevance, "a number of at least 0", lambda value: value >= 0)
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
    """``(N, M)`` cosines, or ``1 / (1 + d)`` for other distances d."""
    if points.metric == "cosine":
        return points.inner(others)
    return points.distances(others).add_(1).reciprocal_()


def _of(classes: list[int], known: Points | None, candidates: Candidates) -> Points | None:
    """Annotated samples of these classes; None if there are none."""
    if known is None:
        return None
    labels = needed(candidates.labels, "labels")
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
