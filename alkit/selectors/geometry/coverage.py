"""Greedy maximization of coverage: similarity of each point to the most similar pick."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Generator, Tensor

from alkit.arguments import check_number
from alkit.hardware import check_cost, free_memory
from alkit.progress import report
from alkit.selectors.geometry.balls import Apart, Balls
from alkit.selectors.geometry.points import Points
from alkit.selectors.kmeans import completed

Kernel = Callable[[Points, Points], Tensor]  # similarities (N, M), at most 1, 1 between equals

SAMPLE = 10_000  # default number of points in the mean coverage
TABLE = 2**32  # bytes that a table of all values of a kernel may take
FEW = 64  # bounds that are updated first
MANY = 512  # number of targets with risen coverage that triggers an update of all bounds


class Coverage:
    """Gains of candidates in the coverage ``f(S) = sum_i w_i max(0, max_{j in S} k(j, i))``.

    f is submodular: a gain never rises while S grows, so an old one is an upper bound, and only
    bounds that could be the highest gain are updated. If there is room for a table of the kernel,
    updates read it. Otherwise they compute the kernel again, only for targets whose coverage has
    risen since all gains were exact; once there are many such targets, all gains are made exact.

    Args:
        kernel: similarity of two points.
        candidates: N candidates.
        targets: the M points to be covered; default: the candidates.
        weights: ``(M,)`` w, not negative; default: ones.
        known: points that are in S from the start.
        bonus: ``(N,)`` gain of each candidate that does not depend on S; default: none.
        room: bytes that a table may take; default: 4 GiB.

    Cost: N M D multiply-adds, half of them if the targets are the candidates. Without a table,
    about N D more for each target whenever a pick raises its coverage, at most N M D H(n) for n
    picks and the harmonic number H. Memory: O(N + M), and with a table 4 N M bytes, at most the
    room and half of what is free.
    """

    def __init__(
        self,
        kernel: Kernel,
        candidates: Points,
        targets: Points | None = None,
        weights: Tensor | None = None,
        known: Points | None = None,
        bonus: Tensor | None = None,
        room: int | None = None,
    ) -> None:
        candidates.squared_distances(candidates[:1])  # caches its norms for all blocks
        targets = candidates if targets is None else targets
        ones = torch.ones(len(targets), dtype=targets.dtype, device=targets.device)
        weights = ones if weights is None else weights.to(ones)
        self.slack = 8 * torch.finfo(ones.dtype).eps * max(float(weights.sum()), 1.0)  # for gains
        best = torch.zeros_like(ones) if known is None else highest_value(kernel, targets, known)
        live = (weights > 0) & (best < 1)
        if targets is not candidates or 2 * int(live.sum()) < len(live):
            targets, weights, best = targets[live], weights[live], best[live]
        self.kernel, self.candidates, self.targets = kernel, candidates, targets
        width = sum(factor.shape[1] for factor in candidates.factors)
        what = f"comparing {len(candidates):,} candidates with {len(targets):,}"
        instead = "Use a sample, or choose among the highest scores, Prefilter(10, selector)."
        check_cost(0, len(candidates) * len(targets) * width, best.device, what, instead)
        self.weights, self.best, self.bonus = weights, best.clamp_(min=0), bonus
        self.table = self._table(TABLE if room is None else room)
        self.gains = ones.new_zeros(len(candidates), dtype=torch.float64)
        self.fresh = torch.ones_like(self.gains, dtype=torch.bool)
        self._start()
        self.settled = self.best, self.gains.clone()  # when all gains were last exact

    def highest(self) -> Tensor:
        """Candidates with the highest gain, up to rounding; empty if no gain is left."""
        number = FEW
        while True:
            best = float(self.gains.where(self.fresh, 0).amax())
            limit = max(best - self.slack, self.slack)
            stale = self.gains.where(~self.fresh, -torch.inf)
            top = stale.topk(min(number, len(stale)))
            rows = top.indices[top.values > limit]
            if not len(rows):
                return (self.fresh & (self.gains > limit)).nonzero().flatten()
            if 8 * len(rows) > len(stale):
                self.settle()
            else:
                self._refresh(rows)
            number *= 2

    def take(self, pick: int) -> None:
        """Add a candidate to S; it is not picked again."""
        self.drop(torch.tensor([pick], device=self.best.device))
        row = slice(pick, pick + 1)
        table = self.table
        values = self.kernel(self.candidates[row], self.targets) if table is None else table[row]
        self.best = self.best.maximum(values[0])
        self.fresh.zero_()
        if table is None and int((self.best > self.settled[0]).sum()) > MANY:
            self.settle()

    def drop(self, rows: Tensor) -> None:
        """Exclude these candidates from further picks."""
        self.gains[rows] = self.settled[1][rows] = -torch.inf

    def _table(self, room: int) -> Tensor | None:
        shape = len(self.candidates), len(self.targets)
        nbytes = shape[0] * shape[1] * self.best.element_size()
        kept = nbytes <= room and fits(nbytes, self.best.device)
        return self.best.new_empty(shape) if kept else None

    def _start(self) -> None:
        """Compute the gains before any pick; each pair of blocks is compared once."""
        mirrored = self.targets is self.candidates
        for rows in blocks(self.candidates):
            report(rows.start, len(self.candidates))
            ours = self.candidates[rows]
            for columns in blocks(self.targets, rows.start if mirrored else 0):
                values = self.kernel(ours, self.targets[columns])
                if self.table is not None:
                    self.table[rows, columns] = values
                if mirrored and columns != rows:
                    if self.table is not None:
                        self.table[columns, rows] = values.T
                    gains = (values - self.best[rows, None]).clamp_(min=0)
                    self.gains[columns] += self.weights[rows] @ gains
                gains = values.sub_(self.best[columns]).clamp_(min=0)
                self.gains[rows] += gains @ self.weights[columns]
        if self.bonus is not None:
            self.gains += self.bonus

    def settle(self) -> None:
        """Make all gains exact."""
        self._refresh((self.gains > -torch.inf).nonzero().flatten())
        self.settled = self.best, self.gains.clone()

    def _refresh(self, rows: Tensor) -> None:
        """Update some bounds."""
        self.fresh[rows] = True
        if self.table is not None:
            for part in rows.split(FEW):
                values = self.table[part].sub_(self.best).clamp_(min=0)
                gains = (values @ self.weights).double()
                self.gains[part] = gains if self.bonus is None else gains + self.bonus[part]
            return
        before, gains = self.settled
        self.gains[rows] = gains[rows]
        raised = (self.best > before).nonzero().flatten()
        for columns in map(raised.__getitem__, blocks(raised)):
            targets, old, new = self.targets[columns], before[columns], self.best[columns]
            for block in blocks(rows, against=len(columns)):
                part = rows[block]
                values = self.kernel(self.candidates[part], targets)
                lost = (values - old).clamp_(min=0).sub_(values.sub_(new).clamp_(min=0))
                self.gains[part] -= lost @ self.weights[columns]


def fits(nbytes: int, device: torch.device) -> bool:
    """True if a table of this size may be kept: at most 4 GiB, and half of what is free."""
    return nbytes <= min(TABLE, free_memory(device) // 2)


def greedy(
    coverage: Coverage | Balls, known: Points | None, n: int, generator: Generator
) -> Tensor:
    """Pick ``n`` positions: greedily those with the highest gain, and then the farthest ones.

    Once no gain is left, all that matters is covered. Further picks are the farthest from all
    annotated samples and picks, as in ``KCenter``; candidates equal to one of these come last.

    Args:
        coverage: coverage by N candidates, before any pick.
        known: points of the annotated samples.
        n: number of picks, at most N.
        generator: source of random numbers, for ties; gains that differ by rounding only are tied.
    """
    picks = raising(coverage, n, generator)
    return completed(picks, coverage.candidates, known, n, generator)


def raising(coverage: Coverage | Balls | Apart, n: int, generator: Generator) -> Tensor:
    """At most ``n`` positions, greedily those with the highest gain, as long as a gain is left."""
    luck = torch.randperm(len(coverage.gains), generator=generator).to(coverage.gains.device)
    picks: list[int] = []
    while len(picks) < n and len(rows := coverage.highest()):
        report(len(picks), n)
        picks.append(int(rows[luck[rows].argmin()]))
        if isinstance(coverage, Coverage) and coverage.bonus is not None:  # duplicates get it once
            chosen = coverage.candidates[picks[-1] : picks[-1] + 1]
            coverage.drop(rows[coverage.candidates[rows].equals(chosen)])
        if len(picks) < n:
            coverage.take(picks[-1])
    return torch.tensor(picks, dtype=torch.long)


def highest_value(kernel: Kernel, points: Points, others: Points) -> Tensor:
    """``(N,)`` similarity of each point to the most similar of the others. Memory: O(N)."""
    found = [
        torch.stack([kernel(points[rows], others[part]).amax(1) for part in blocks(others)])
        for rows in blocks(points)
    ]
    return torch.cat([values.amax(0) for values in found])


def sample(points: Points, number: int | None, generator: Generator) -> Tensor | None:
    """Draw ``number`` distinct positions at random; None if that is all of them."""
    if number is None or number >= len(points):
        return None
    rows = torch.randperm(len(points), generator=generator)[:number]
    return rows.sort().values.to(points.device)


def check_sample(sample: object) -> None:
    """Raise a ConfigurationError unless it is None, or an integer of at least 1."""
    if sample is not None:
        whole = "an integer of at least 1, or None"
        check_number("sample", sample, whole, lambda number: number >= 1 and number == int(number))


def blocks(rows: Points | Tensor, start: int = 0, against: int = 512) -> Iterator[slice]:
    """Parts of these rows, so small that comparing them with ``against`` others fits a cache."""
    size = 2**18 // against if rows.device.type == "cpu" else 8192
    for first in range(start, len(rows), size):
        yield slice(first, min(first + size, len(rows)))
