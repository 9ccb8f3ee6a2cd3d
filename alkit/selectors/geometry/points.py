"""Points and their distances, computed block by block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Self

import torch
from torch import Tensor

from alkit.hardware import multiplies_bfloat16, reduced_rounding
from alkit.selectors.geometry.differences import distance_of, pairs, raw_apart, too_close
from alkit.selectors.geometry.lazy import Lazy, Matrix, part_of, whole
from alkit.selectors.geometry.norms import squared_norms

Metric = Literal["euclidean", "cosine", "manhattan"]

ROUNDED = 3.1 * 2.0**-8  # rounding error of bfloat16 inner products: both factors, result


@dataclass(frozen=True, eq=False)
class Points:
    """N points of a metric space, compared block by block: never N x N at once.

    A point is the outer product of its rows in ``factors``: one matrix ``(N, D)`` for vectors, two
    for gradient embeddings, ``(N, C)`` and ``(N, D)``, whose ``N x C D`` values are never formed.

    Args:
        factors: matrices of N rows, float32 or float64, contiguous, or computed when rows are
            taken. For the cosine distance their rows have norm one.
        metric: ``"euclidean"``; ``"cosine"`` (1 - cosine; a row of zeros is 1/2 from the others);
            or ``"manhattan"`` (one factor).
    """

    factors: tuple[Matrix, ...]
    metric: Metric = "euclidean"

    def __len__(self) -> int:
        return len(self.factors[0])

    @property
    def device(self) -> torch.device:
        return self.factors[0].device

    @property
    def dtype(self) -> torch.dtype:
        return self.factors[0].dtype

    def __getitem__(self, rows: Tensor | slice) -> Self:
        part, known = type(self)(tuple(f[rows] for f in self.factors), self.metric), self.__dict__
        for name in known.keys() & {"_shift", "_center"}:
            part.__dict__[name] = known[name]
        for name in known.keys() & {"squared_norms", "_bfloat16"}:
            part.__dict__[name] = known[name][rows]
        return part

    def part(self, rows: Tensor) -> Points:
        """Some of the points, at these positions, which are not copied if they are large."""
        return Points(tuple(part_of(factor, rows) for factor in self.factors), self.metric)

    @property
    def matrices(self) -> tuple[Tensor, ...]:
        """The factors in memory."""
        return tuple(map(whole, self.factors))

    def double(self) -> Points:
        """The same points in float64."""
        return Points(tuple(factor.double() for factor in self.matrices), self.metric)

    @cached_property
    def squared_norms(self) -> Tensor:
        """``(N,)`` squared euclidean norms. Raises a NonFiniteError if they overflow."""
        return squared_norms(self.factors)

    def inner(self, others: Points) -> Tensor:
        """``(N, M)`` inner products; one GEMM per factor."""
        (first, second), *more = zip(self.matrices, others.matrices, strict=True)
        product = first @ second.T
        for ours, theirs in more:
            product *= ours @ theirs.T
        return product

    def squared_distances(self, others: Points, own: Tensor | None = None) -> Tensor:
        """``(N, M)`` squared distances of the metric, never negative, zero between equal rows.

        Within 1 % of the true values, and far closer except for pairs that are next to each other,
        which are compared once more, by differences. Cost: N M D multiply-adds, O(N M) memory.

        Args:
            others: M points.
            own: ``(N,)`` position of each point among the others; the distance there is infinite.
        """
        result = torch.empty(len(self), len(others), dtype=self.dtype, device=self.device)
        for rows, block, moved in self._blocks(others):
            raw = block._raw(moved)
            if own is not None:
                raw.scatter_(1, own[rows, None], torch.inf)
            if self.metric != "manhattan":
                part, norms = self[rows], (block.squared_norms, moved.squared_norms)
                for i, j in too_close(raw, self._slack, *norms):
                    raw[i, j] = part[i]._raw_apart(others[j]).to(raw.dtype)
            result[rows] = raw
        if self.metric == "euclidean":
            return result
        return (result.mul_(0.5) if self.metric == "cosine" else result).square_()

    def distances(self, others: Points, own: Tensor | None = None) -> Tensor:
        """``(N, M)`` distances of the metric; see ``squared_distances``."""
        return self.squared_distances(others, own).sqrt_()

    def equals(self, other: Points) -> Tensor:
        """``(N,)`` mask of the points that equal this one. Cost: O(N D)."""
        if len(self.factors) == 1:
            return (self.matrices[0] - other.matrices[0]).abs_().amax(1) == 0
        return self._raw_apart(other) == 0

    def apart(self, others: Points) -> Tensor:
        """``(N,)`` float64 distances row by row, to the same number of others or to one.

        They are computed by differences in float64: equal rows have equal values at any position,
        and distance zero from each other. Cost: O(N D), without a GEMM.
        """
        return distance_of(self.metric, self._raw_apart(others))

    def nearest(self, others: Points) -> Tensor:
        """``(N,)`` float64 distances to the nearest of M others, as exact as ``apart``.

        The GEMM form finds which of them can be the nearest; differences decide. Cost: N M D
        multiply-adds, O(N) memory.
        """
        result = torch.full((len(self),), torch.inf, dtype=torch.float64, device=self.device)
        for rows, block, moved in self._blocks(others):
            upper = block._raw(moved, self._slack)
            low = upper.amin(1, keepdim=True)
            if self.metric == "manhattan":
                lower = upper.mul_(1 - 2 * self._slack)
            else:
                lower = upper.sub_(moved.squared_norms, alpha=2 * self._slack)
                low += 2 * self._slack * block.squared_norms[:, None]
            near, part = result[rows], self[rows]
            for i, j in pairs((lower <= low).nonzero()):
                near.scatter_reduce_(0, i, part[i]._raw_apart(others[j]), "amin")
        return distance_of(self.metric, result)

    def reach(self, others: Points, coarse: bool = False) -> Tensor:
        """``(N,)`` float64 upper bounds of the distance to the nearest of M others, just above it.

        Zero for a row that equals one of them. Cheaper than ``nearest``: N M D multiply-adds and
        little else, O(N) memory.

        Args:
            others: M points.
            coarse: whether bounds a few percent above will do. That takes half the time if the
                processor multiplies bfloat16, and the points are one matrix of float32 around the
                origin.
        """
        coarse = coarse and self._roundable and len(others) > 16  # a few are quickly compared
        slack = self._slack + ROUNDED * coarse
        result = torch.full((len(self),), torch.inf, dtype=torch.float64, device=self.device)
        for rows, block, moved in self._blocks(others):
            raw = block._rounded(moved, slack) if coarse else block._raw(moved, slack)
            low = raw.amin(1).double()
            vague = (low <= 5 * slack * block.squared_norms).nonzero().flatten()
            result[rows] = distance_of(self.metric, low)
            if self.metric != "manhattan" and len(vague):
                part = self[rows][vague]
                result[rows][vague] = part.reach(others) if coarse else part.nearest(others)
        return result

    @cached_property
    def _slack(self) -> float:
        """Rigorous bound of the error of the GEMM form, as a share of both squared norms."""
        width = 512 + sum(factor.shape[1] for factor in self.factors)
        reduced = reduced_rounding(self.device) if self.dtype == torch.float32 else 0.0
        return width * torch.finfo(self.dtype).eps + reduced

    @cached_property
    def _center(self) -> tuple[Tensor, float]:
        """Mean of a sample of the rows, and its squared norm over the variance around it."""
        every = slice(None, None, max(1, len(self) // 1024))
        mean = self.factors[0][every].mean(0)
        squared = mean.square().sum()
        spread = self.squared_norms[every].mean() - squared  # may vanish for far points
        return mean, float(squared / spread.clamp_min(torch.finfo(self.dtype).tiny))

    @cached_property
    def _shift(self) -> Tensor | None:
        """Vector to subtract before a GEMM, if the points lie together, far from the origin."""
        if len(self.factors) > 1 or self.metric == "manhattan" or not len(self):
            return None
        mean, distance = self._center
        return mean if distance > 25 else None

    def _moved(self, shift: Tensor | None) -> Points:
        if shift is None:
            return self[:] if any(isinstance(f, Lazy) for f in self.factors) else self
        moved = Points((self.matrices[0] - shift,), self.metric)
        moved.__dict__["_shift"] = None
        return moved

    def _blocks(self, others: Points) -> Iterator[tuple[slice, Points, Points]]:
        """Rows whose comparisons fit a cache, with these points and the others ready for a GEMM."""
        budget = 2**19 if self.device.type == "cpu" else 2**24
        width = max(factor.shape[1] for factor in self.factors)
        size = max(256, min(budget // max(1, len(others)), 2 * budget // max(1, width)))
        moved = others._moved(self._shift)
        _ = self.squared_norms  # once, not block by block; an overflow raises before any work
        for start in range(0, len(self) if len(others) else 0, size):
            rows = slice(start, start + size)
            yield rows, self[rows]._moved(self._shift), moved

    def _raw(self, others: Points, slack: float = 0.0) -> Tensor:
        """``(N, M)`` manhattan or squared euclidean distances by GEMM, plus their error bound."""
        if self.metric == "manhattan":
            raw = torch.cdist(self.matrices[0], others.matrices[0], p=1)
            return raw.mul_(1 + slack) if slack else raw
        ours, theirs = self.squared_norms, others.squared_norms
        if slack:
            ours, theirs = ours * (1 + slack), theirs * (1 + slack)
        if len(self.factors) == 1:
            raw = torch.addmm(theirs, self.matrices[0], others.matrices[0].T, alpha=-2)
        else:
            raw = self.inner(others).mul_(-2).add_(theirs)
        return raw.add_(ours[:, None])

    @property
    def _roundable(self) -> bool:
        return (
            self.metric != "manhattan"
            and len(self.factors) == 1
            and self.dtype == torch.float32
            and multiplies_bfloat16(self.device)
            and len(self) > 0
            and self._center[1] < 1  # farther from the origin it costs more than it gains
        )

    @cached_property
    def _bfloat16(self) -> Tensor:
        return self.matrices[0].bfloat16()

    def _rounded(self, others: Points, slack: float) -> Tensor:
        """Result of ``_raw`` with a slack, by factors in bfloat16."""
        raw = (self._bfloat16 @ others._bfloat16.T).float()
        torch.add(others.squared_norms * (1 + slack), raw, alpha=-2, out=raw)
        return raw.add_(self.squared_norms[:, None] * (1 + slack))

    def _raw_apart(self, others: Points) -> Tensor:
        return raw_apart(self.metric, self.matrices, others.matrices)
