"""Points about their mean, where rounding errors are smallest: bounds, pairs within a radius."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from alkit.selectors.geometry.differences import distance_of, pairs
from alkit.selectors.geometry.points import ROUNDED, Points


@dataclass(frozen=True, eq=False)
class Centered(Points):
    """The points of ``Points``, moved so that their mean is the origin; distances do not change.

    Products in bfloat16 then resolve most of what float32 resolves, in less than half the time, if
    the processor multiplies bfloat16. Outer products are not moved, nor are points of the manhattan
    distance; both are compared in float32.
    """

    _shift = None  # type: ignore[assignment]
    _center = None, 0.0  # type: ignore[assignment]

    @classmethod
    def of(cls, points: Points, multiple: int) -> Centered:
        """Center these points, and append points at the mean to reach a multiple in number.

        Kernels for bfloat16 are compiled, and kept, for each shape, so there should be few shapes.
        """
        first, *more = points.matrices
        if more or points.metric == "manhattan":
            return cls(points.matrices, points.metric)
        rows = first.new_zeros(len(first) + -len(first) % multiple, first.shape[1])
        torch.sub(first, first.mean(0), out=rows[: len(first)])
        moved = cls((rows,), points.metric)
        _ = moved.squared_norms, moved._roundable and moved._bfloat16  # once, not block by block
        return moved

    def below(self, others: Centered, coarse: bool = False) -> Tensor:
        """``(N, M)`` lower bounds of the distances, just below the true values.

        Zero where a distance may be rounding error alone.

        Args:
            others: M of the same points.
            coarse: whether bounds a few percent of the norms lower will do, for less than half the
                time.
        """
        if coarse and self._roundable:
            raw = self._rounded(others, -self._slack - ROUNDED)
        else:
            raw = self._raw(others, -self._slack)
        return distance_of(self.metric, raw.clamp_(min=0))

    def closer(self, others: Centered, radius: float, coarse: bool = True) -> Tensor:
        """Bool ``(N, M)`` mask of the pairs that are closer than a radius; exact.

        Products decide most pairs; differences decide those that are too close to the radius.
        Cost: N M D multiply-adds, O(N M) memory.

        Args:
            others: M of the same points.
            radius: the radius, above 0.
            coarse: whether to begin with bfloat16; the result is the same.
        """
        coarse = coarse and self._roundable
        raw = self._rounded(others, 0.0) if coarse else self._raw(others)
        squared = radius * radius
        limit = {"euclidean": squared, "cosine": 2 * radius, "manhattan": radius}[self.metric]
        near, lost = raw < limit, self._slack + ROUNDED * coarse
        if self.metric == "manhattan":
            lost = lost * limit
        else:
            lost = lost * (self.squared_norms + others.squared_norms.amax())[:, None]
        doubts = (raw.sub_(limit).abs_() <= lost).nonzero()
        if coarse and 32 * len(doubts) > raw.numel():  # float32 is then cheaper
            return self.closer(others, radius, coarse=False)
        for i, j in pairs(doubts):
            near[i, j] = self[i]._raw_apart(others[j]) < limit
        return near
