"""Quotas: how many from each patient, camera or class; another selector chooses inside a group."""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from alkit.errors import ConfigurationError, PredictionError
from alkit.selectors.candidates import Candidates
from alkit.selectors.selector import Selector, as_selector, check_number
from alkit.selectors.topk import TopK


class Quotas(Selector):
    """Splits n over groups, inside of which ``then`` chooses; a leaf says whose group is which."""

    def __init__(
        self, then: Selector | Callable[..., Any] | None, needs: frozenset[str] = frozenset()
    ) -> None:
        self.then = as_selector(TopK() if then is None else then)
        self.needs = self.then.needs | needs

    def split(self, candidates: Candidates) -> tuple[Tensor, list[float], list[float]]:
        """The candidates' groups ``(N,)``, numbers in 0 .. G - 1; for each of the G groups how
        many it holds already; and the weight of what it is due."""
        raise NotImplementedError(f"{type(self).__name__} must define split(candidates).")

    def select(self, candidates: Candidates, n: int, generator: Generator) -> Tensor:
        groups, held, weights = self.split(candidates)
        sizes = torch.bincount(groups, minlength=len(held)).tolist()
        order = turns(n, sizes, held, weights, generator)
        members = groups.argsort(stable=True).cpu().split(sizes)  # ascending, as the ids are
        ours, picked = candidates.only(self.then.needs), {}
        for group, size in sorted(Counter(order).items()):
            picks = self.then(ours[members[group]], size, generator)
            picked[group] = iter(members[group][picks.positions].tolist())
        return torch.tensor([next(picked[group]) for group in order])

    def __repr__(self) -> str:
        return f"{type(self).__name__}({'' if repr(self.then) == 'TopK()' else repr(self.then)})"


class PerGroup(Quotas):
    """As many from each group (patient, camera, site), or a quota of each; ``then`` inside it.

        al.PerGroup(patients)                                        # the same from each patient
        al.PerGroup(cameras, al.KCenter(), {"day": 3, "night": 1})   # three quarters by day

    What a group has too few of goes to the others. Picks come in turns, so that their beginning
    keeps the quotas too; among equal groups chance decides who is first. Each group is chosen
    from on its own: what is picked in others is not seen.
    Cost: O(N log N + n log G) time, O(N) memory, and that of ``then`` for each of G groups.

    Args:
        groups: the group of each sample of the whole dataset, to be looked up by ids: numbers or
            names; or a function from ids ``(N,)``, an array, to groups ``(N,)``.
        then: what chooses inside a group. Default: ``TopK()``.
        quotas: how much each group is due, in proportion (counts or shares, at least 0); 0 is for
            once the others have nothing left. Default: the same for each.

    Raises:
        ConfigurationError: groups that are no vector, or end before the ids do; quotas that are
            out of range, leave a group out, or name one that is not there.
    """

    def __init__(
        self,
        groups: Any,
        then: Selector | Callable[..., Any] | None = None,
        quotas: Mapping[Any, float] | None = None,
    ) -> None:
        super().__init__(then)
        for name, quota in (quotas or {}).items():
            check_number(f"the quota of {name!r}", quota, "of at least 0", lambda quota: quota >= 0)
        self.quotas = quotas
        self.groups = groups if callable(groups) else _numbered(groups)
        if not callable(self.groups):
            names = self.groups[0]
            self._weights(names)
            if unknown := [name for name in quotas or () if name not in names]:
                raise ConfigurationError(f"there is no group {unknown[0]!r} to give a quota to.")

    def split(self, candidates: Candidates) -> tuple[Tensor, list[float], list[float]]:
        ids = candidates.ids.cpu().numpy()
        if callable(self.groups):
            names, numbers = _numbered(self.groups(ids))
            if len(numbers) != len(ids):
                raise ConfigurationError(
                    f"groups must give one group an id: got {len(numbers)} for {len(ids)} ids."
                )
        else:
            names, of_all = self.groups
            if ids[-1] >= len(of_all):
                raise ConfigurationError(
                    f"groups has {len(of_all)} entries, and the ids of the candidates reach "
                    f"{ids[-1]}, of at least {ids[-1] + 1} samples: give the group of each sample "
                    "of the whole dataset, annotated ones included."
                )
            numbers = of_all[ids]
        return torch.from_numpy(numbers), [0.0] * len(names), self._weights(names)

    def _weights(self, names: list[Any]) -> list[float]:
        if self.quotas is None:
            return [1.0] * len(names)
        if missing := [name for name in names if name not in self.quotas]:
            raise ConfigurationError(
                f"the quotas leave out the group {missing[0]!r}: say 0 if it is to come last."
            )
        return [float(self.quotas[name]) for name in names]

    def __repr__(self) -> str:
        named = getattr(self.groups, "__name__", "groups")
        shown = [named, *([] if repr(self.then) == "TopK()" else [repr(self.then)])]
        shown += [] if self.quotas is None else [f"quotas={self.quotas!r}"]
        return f"PerGroup({', '.join(shown)})"


class PerClass(Quotas):
    """As many from each class that the model guesses; ``then`` chooses inside a class.

    What a class has too few of goes to the others; see ``PerGroup``, also for the order. Cost:
    O(N (C + log N)) time, O(N) memory, and that of ``then`` for each of C classes.

    Args:
        then: what chooses inside a class. Default: ``TopK()``.
    """

    def __init__(self, then: Selector | Callable[..., Any] | None = None) -> None:
        super().__init__(then, frozenset({"outputs"}))

    def split(self, candidates: Candidates) -> tuple[Tensor, list[float], list[float]]:
        p = candidates.probabilities
        return p.argmax(1), [0.0] * p.shape[1], [1.0] * p.shape[1]


class Balanced(Quotas):
    """Classes that are rare among the labels first, until all are as frequent; for skewed pools.

    Each turn goes to the class with the fewest samples, annotated and picked ones together, a
    pick counting as the class that the model guesses; ``then`` chooses inside it. So the counts
    come as close to equal as the guesses are right and the pool allows (for the aim see Bengar
    et al. 2022, "Class-balanced active learning for image classification"). Cost:
    O(N (C + log N)) time, O(N) memory, and that of ``then`` for each of C classes.

    Args:
        then: what chooses inside a class. Default: ``TopK()``.

    Raises:
        PredictionError: labels that are none of the model's C classes.
    """

    def __init__(self, then: Selector | Callable[..., Any] | None = None) -> None:
        super().__init__(then, frozenset({"outputs", "labels"}))

    def split(self, candidates: Candidates) -> tuple[Tensor, list[float], list[float]]:
        p, labels = candidates.probabilities, candidates.labels
        classes = p.shape[1]
        if labels is None or not len(labels):
            return p.argmax(1), [0.0] * classes, [1.0] * classes
        if int(labels.min()) < 0 or int(labels.max()) >= classes:
            wrong = int(labels.min()) if int(labels.min()) < 0 else int(labels.max())
            raise PredictionError(f"the model has the classes 0 to {classes - 1}, got {wrong}.")
        held = torch.bincount(labels.long(), minlength=classes).tolist()
        return p.argmax(1), held, [1.0] * classes


def turns(
    n: int,
    sizes: Sequence[int],
    held: Sequence[float],
    weights: Sequence[float],
    generator: Generator,
) -> list[int]:
    """Whose turn it is, n times: the group that is furthest below its due, while it has any left.

    These are the highest averages of Webster and Sainte-Lague, so that quotas that sum to n are
    met exactly. Ties are broken by the generator, once for all turns. Cost: O(n log G).
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


def _numbered(groups: Any) -> tuple[list[Any], np.ndarray]:
    """The names of the groups, and for each entry the number of its name."""
    rows = np.asarray(groups.cpu() if isinstance(groups, Tensor) else groups)
    if rows.ndim != 1:
        raise ConfigurationError(
            f"groups must be a vector, one group a sample, got the shape {rows.shape}."
        )
    try:
        names, numbers = np.unique(rows, return_inverse=True)
    except TypeError as error:
        raise ConfigurationError("groups must be all numbers, or all names.") from error
    return names.tolist(), numbers
