"""Balls around the candidates, and the number of points that each adds to what is covered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

from alkit.progress import report
from alkit.selectors.geometry.centered import Centered
from alkit.selectors.geometry.points import Points

SIZE = 512  # rows and columns compared at a time; a multiple of 8


class Balls:
    """Graph of candidates that are closer to each other than a radius, one bit per pair.

    The gain of a candidate is the number of points in its ball that no ball of a pick holds. All
    gains stay exact: each point that gets covered subtracts one from the balls that hold it.

    Cost: O(N^2 D) multiply-adds, for half of the pairs; N / 8 bytes read for each point when it
    gets covered. Memory: N^2 / 8 bytes.

    Args:
        points: N candidates, on the CPU.
        radius: radius of the balls.
        left: bool ``(N,)``, the points that are not covered yet.
    """

    def __init__(self, points: Points, radius: float, left: Tensor) -> None:
        self.candidates, self.left = points, left.clone()
        self.bits = _graph(points, radius)
        self.gains = self._holding(left.nonzero().flatten())

    @staticmethod
    def nbytes(number: int) -> int:
        """Size in bytes of the graph of ``number`` candidates."""
        return number * _width(number)

    def highest(self) -> Tensor:
        """Candidates with the highest gain; empty if no gain is left."""
        return _highest(self.gains)

    def take(self, pick: int) -> None:
        """Cover the ball of a candidate."""
        ball = torch.from_numpy(self._unpacked(np.array([pick]))[0]).bool()
        fresh = ball & self.left
        self.left &= ~ball
        self.gains -= self._holding(fresh.nonzero().flatten())

    def _holding(self, rows: Tensor) -> Tensor:
        """``(N,)`` number of these points in each ball."""
        counts = np.zeros(len(self.bits), np.int32)
        for part in rows.split(SIZE):
            counts += np.add.reduce(self._unpacked(part.numpy()), axis=0, dtype=np.int32)
        return torch.from_numpy(counts)

    def _unpacked(self, rows: np.ndarray) -> np.ndarray:
        return np.unpackbits(self.bits[rows], axis=1, count=len(self.bits))


class Apart:
    """Balls in groups of candidates; a ball holds candidates of its own group alone.

    The points are not kept. Memory: M^2 / 8 bytes for a group of M.

    Args:
        groups: positions of the candidates in each group.
        balls: the balls in each group, computed one after the other.
    """

    def __init__(self, groups: Sequence[Tensor], balls: Iterable[Balls]) -> None:
        number = sum(map(len, groups))
        self.groups, self.balls = groups, []
        self.gains = torch.zeros(number, dtype=torch.int32)
        self.group, self.place = torch.zeros(2, number, dtype=torch.long)
        for group, each in zip(groups, balls, strict=True):
            each.candidates = Points((torch.empty(0, 0),))
            self.gains[group] = each.gains
            self.group[group], self.place[group] = len(self.balls), torch.arange(len(group))
            self.balls.append(each)

    def highest(self) -> Tensor:
        """Candidates with the highest gain; empty if no gain is left."""
        return _highest(self.gains)

    def take(self, pick: int) -> None:
        """Cover the ball of a candidate in its group."""
        number = int(self.group[pick])
        each = self.balls[number]
        each.take(int(self.place[pick]))
        self.gains[self.groups[number]] = each.gains


def _highest(gains: Tensor) -> Tensor:
    return (gains == gains.amax().clamp_(min=1)).nonzero().flatten()


def _graph(points: Points, radius: float) -> np.ndarray:
    """Bits ``(N, N / 8)``; each pair of blocks is compared once."""
    number = len(points)
    bits = np.zeros((number, _width(number)), np.uint8)
    centered = Centered.of(points, SIZE)
    for start in range(0, number, SIZE):
        report(number**2 - (number - start) ** 2, number**2)
        block = centered[start : start + SIZE]
        for first in range(start, number, SIZE):
            others = centered[first : first + SIZE]
            near = block.closer(others, radius)[: number - start, : number - first]
            for top, left, half in ((start, first, near), (first, start, near.T)):
                packed = np.packbits(half.cpu().contiguous().numpy(), axis=1)
                bits[top : top + SIZE, left // 8 : left // 8 + packed.shape[1]] = packed
    return bits


def _width(number: int) -> int:
    return -(-number // 8)
