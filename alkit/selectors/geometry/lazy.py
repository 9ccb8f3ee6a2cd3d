"""Matrices whose rows are computed when they are taken, so that they are never held at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

LARGE = 2**26  # bytes
BLOCK = 2**20  # values of a block


@dataclass(frozen=True, eq=False)
class Lazy:
    """Matrix ``(N, W)`` whose rows are computed each time they are taken.

    Large features stay where they are, in a mapped file or in half precision: converted and scaled
    rows are held for one block at a time.

    Attributes:
        take: function from positions or a slice to these rows, contiguous.
        shape: N and W.
        dtype: type of the rows that are taken, float32 or float64.
        device: their device.
    """

    take: Callable[[Tensor | slice], Tensor]
    shape: tuple[int, int]
    dtype: torch.dtype
    device: torch.device

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Tensor | slice) -> Tensor:
        return self.take(rows)

    def split(self, size: int) -> Iterator[Tensor]:
        """Consecutive blocks of rows."""
        for start in range(0, len(self), size):
            yield self.take(slice(start, min(start + size, len(self))))

    @property
    def nbytes(self) -> int:
        """Bytes of all rows."""
        return self.shape[0] * self.shape[1] * self.dtype.itemsize


Matrix = Tensor | Lazy


def is_large(nbytes: int) -> bool:
    """True if rows of this size in all are computed as they are taken, not copied."""
    return nbytes > LARGE


def pieces(matrix: Matrix) -> Iterator[Tensor]:
    """The whole of a tensor, or blocks of computed rows."""
    if isinstance(matrix, Tensor):
        return iter((matrix,))
    return matrix.split(max(1, BLOCK // matrix.shape[1]))


def whole(matrix: Matrix) -> Tensor:
    """All rows in memory."""
    return matrix[:] if isinstance(matrix, Lazy) else matrix


def filled(parts: Iterable[Tensor], number: int) -> Tensor:
    """Concatenate parts of ``number`` rows in all, each of which is freed before the next is made.

    If the parts were all kept, they would lie scattered between the larger blocks that they are
    computed from, and the memory of these could not be reused.
    """
    result: Tensor | None = None
    start = 0
    for part in parts:
        if result is None:
            result = part.new_empty(number, *part.shape[1:])
        result[start : start + len(part)] = part
        start += len(part)
        del part
    return torch.empty(0) if result is None else result


def part_of(matrix: Matrix, rows: Tensor) -> Matrix:
    """Some rows, which are not copied if they are large."""
    if not is_large(len(rows) * matrix.shape[1] * matrix.dtype.itemsize):
        return matrix[rows]
    shape = len(rows), matrix.shape[1]
    return Lazy(lambda some: matrix[rows[some]], shape, matrix.dtype, matrix.device)
