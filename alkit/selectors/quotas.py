"""Quotas: numbers of picks per patient, camera or class; another selector picks in a group."""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Generator, Tensor

from alkit.arguments import check_number
from alkit.errors import ConfigurationError
from alkit.selectors.candidates import Candidates
from alkit.selectors.function import as_selector
from alkit.selectors.picks import Picks, notes_of
from alkit.selectors.selector import Selector
from alkit.selectors.topk import TopK


class Quotas(Selector):
    """Base class: split n over groups, in which ``then`` picks; subclasses define the groups."""

    def __init__(
        self, then: Selector | Callable[..., Any] | None, needs: frozenset[str] = frozenset()
    ) -> None:
        self.then = as_selector(TopK() if then is None else then)
        self.needs = self.then.needs | needs

    def split(self, candidates: Candidates) -> tuple[Tensor, list[float], list[float]]:
        """Groups of the candidates, with what each group holds and is due.

        Returns:
            The group ``(N,)`` of each candidate, in 0 .. G - 1; the number of samples that each of
            the G groups holds already; and the weight of the due of each group.
        """
        raise NotImplementedError(f"{type(self).__name__} must define split(candidates).")

    def select(self, candidates: Candidates, n: int, generator: Generator) -> Picks:
        groups, held, weights = self.split(candidates)
        sizes = torch.bincount(groups, minlength=len(held)).tolist()
        order = turns(n, sizes, held, weights, generator)
        members = groups.argsort(stable=True).cpu().split(sizes)  # ascending, like the ids
        ours, picked, made = candidates.only(self.then.needs), {}, []
        for group, size in sorted(Counter(order).items()):
            picks = self.then(ours[members[group]], size, generator)
            picked[group] = iter(members[group][picks.positions].tolist())
            made.append(picks)
        positions = torch.tensor([next(picked[group]) for group in order])
        return Picks(positions, note=notes_of(made))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({'' if repr(self.then) == 'TopK()' else repr(self.then)})"


class PerGroup(Quotas):
    """Equal numbers of picks, or quotas, per group (patient, camera, site); ``then`` picks in each.

        al.PerGroup(patients)                          # equal numbers per patient
        al.PerGroup(cameras, al.KCenter(), {"day": 3, "night": 1})    # 3 of 4 by day

    If a group has too few candidates, the other groups make up for it. Picks come in turns, so the
    first picks keep the quotas too; the order of equal groups is random. Each group is picked from
    separately, without regard to the picks in other groups.
    Cost: O(N log N + n log G) time, O(N) memory, and that of ``then`` for each of G groups.

    Args:
        groups: group of each sample of the whole dataset, looked up by id: a vector of numbers or
            names; or a function from ids ``(N,)``, an array, to groups ``(N,)``.
        then: selector that picks in a group. Default: ``TopK()``.
        quotas: due of each group, in proportion (counts or shares, at least 0). A group of quota 0
            is used once the others have nothing left. Default: the same for all groups.

    Raises:
        ConfigurationError: groups are not a vector, or are too short for the ids; quotas are out of
            range, leave a group out, or name an unknown group.
    """

    def __init__(
        self,
        groups: Tensor | ArrayLike | Callable[[np.ndarray], Tensor | ArrayLike],
        then: Selector | Callable[..., Any] | None = None,
        quotas: Mapping[Any, float] | None = None,
    ) -> None:
        super().__init__(then)
        if quotas is not None and not isinstance(quotas, Mapping):
            raise ConfigurationError(
                f'quotas must be a dict of shares by group, such as {{"day": 3}}, got {quotas!r}.'
            )
        for name, quota in (quotas or {}).items():
            check_number(
                f"the quota of {name!r}", quota, "a number of at least 0", lambda quota: quota >= 0
            )
        self.quotas = quotas
        self.groups = groups if callable(groups) else _numbered(groups)
        if not callable(self.groups):
            names = self.groups[0]
            self._weights(names)
            if unknown := [name for name in quotas or () if name not in names]:
                raise ConfigurationError(f"there is no group {unknown[0]!r}, but quotas names it.")

    def split(self, candidates: Candidates) -> tuple[Tensor, list[float], list[float]]:
        ids = candidates.ids.cpu().numpy()
        if callable(self.groups):
            names, numbers = _numbered(self.groups(ids))
            if len(numbers) != len(ids):
                raise ConfigurationError(
                    f"groups must return one group per id, got {len(numbers)} for {len(ids)} ids."
                )
        else:
            names, of_all = self.groups
            if ids[-1] >= len(of_all):
                raise ConfigurationError(
                    f"groups has {len(of_all)} entries, but the ids of the candidates reach "
                    f"{ids[-1]}, so there are at least {ids[-1] + 1} samples: pass the group of "
                    "each sample of the whole dataset, including annotated ones."
                )
            numbers = of_all[ids]
        return torch.from_numpy(numbers), [0.0] * len(names), self._weights(names)

    def _weights(self, names: list[Any]) -> list[float]:
        if self.quotas is None:
            return [1.0] * len(names)
        if missing := [name for name in names if name not in self.quotas]:
            raise ConfigurationError(
                f"the quotas leave out the group {missing[0]!r}: pass 0 if it should come last."
            )
        return [float(self.quotas[name]) for name in names]

    def __repr__(self) -> str:
        named = getattr(self.groups, "__name__", "groups")
        shown = [named, *([] if repr(self.then) == "TopK()" else [repr(self.then)])]
        shown += [] if self.quotas is None else [f"quotas={self.quotas!r}"]
        return f"PerGroup({', '.join(shown)})"


class PerClass(Quotas):
    """Equal numbers of picks per predicted class; ``then`` picks in a class.

    If a class has too few candidates, the other classes make up for it; see ``PerGroup``, also for
    the order. Cost: O(N (C + log N)) time, O(N) memory, and that of ``then`` for each of C classes.

    Args:
        then: selector that picks in a class. Default: ``TopK()``.
    """

    def __init__(self, then: Selector | Callable[..., Any] | None = None) -> None:
        super().__init__(then, frozenset({"outputs"}))

    def split(self, candidates: Candidates) -> tuple[Tensor, list[float], list[float]]:
        p = candidates.probabilities
        return p.argmax(1), [0.0] * p.shape[1], [1.0] * p.shape[1]


class Balanced(Quotas):
    """Rare classes among the labels first, until all are equally frequent; for skewed pools.

    Each turn goes to the class with the fewest samples, annotated and picked ones together; a pick
    counts for its predicted class. ``then`` picks in the class. The counts become as equal as the
    accuracy of the predictions and the pool allow (for the aim see Bengar et al. 2022,
    "Class-balanced active learning for image classification"). Cost: O(N (C + log N)) time, O(N)
    memory, and that of ``then`` for each of C classes.

    Args:
        then: selector that picks in a class. Default: ``TopK()``.
    """

    def __init__(self, then: Selector | Callable[..., Any] | None = None) -> None:
        super().__init__(then, frozenset({"outputs", "labels"}))

    def split(self, candidates: Candidates) -> tuple[Tensor, list[float], list[float]]:
        p, labels = candidates.probabilities, candidates.labels
        classes = p.shape[1]
        if labels is None or not len(labels):
            return p.argmax(1), [0.0] * classes, [1.0] * classes
        held = torch.bincount(labels.long(), minlength=classes).tolist()
        return p.argmax(1), held, [1.0] * classes


def turns(
    n: int,
    sizes: Sequence[int],
    held: Sequence[float],
    weights: Sequence[float],
    generator: Generator,
) -> list[int]:
    """Group of each of n turns: the one furthest below its due that has any candidates left.

    These are the highest averages of Webster and Sainte-Lague, so quotas that sum to n are met
    exactly. The generator breaks ties, once for all turns. Cost: O(n log G).
    """
    ties = torch.rand(len(sizes), dtype=torch.float64, generator=generator).tolist()

    def turn(group: int, taken: int) -> tuple[float, int, float, int]:
        due = weights[group]
        level = (held[group] + taken + 0.5) / due if due else math.inf
        return level, taken, ties[group], group

    heap = [turn(group, 0) for group, size in enumerate(sizes) if size]
    heapq.heapify(heap)
    order: list[int] = []
    while len(order) < n:
        _, taken, _, group = heap[0]
        order.append(group)
        if taken + 1 < sizes[group]:
            heapq.heapreplace(heap, turn(group, taken + 1))
        else:
            heapq.heappop(heap)
    return order


def _numbered(groups: Tensor | ArrayLike) -> tuple[list[Any], np.ndarray]:
    """Names of the groups, and the number of the name for each entry."""
    rows = np.asarray(groups.cpu() if isinstance(groups, Tensor) else groups)
    if rows.ndim != 1:
        raise ConfigurationError(
            f"groups must be a vector, one group per sample, got the shape {rows.shape}."
        )
    try:
        names, numbers = np.unique(rows, return_inverse=True)
    except TypeError as error:
        raise ConfigurationError("groups must be all numbers, or all names.") from error
    return names.tolist(), numbers
