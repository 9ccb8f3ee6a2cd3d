"""Principal axes of rows, and their projection onto these, block by block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from alkit.errors import NonFiniteError
from alkit.selectors.geometry.lazy import Matrix, pieces
from alkit.storage import DEFAULT

VALUES = 2**23  # values that are summed at a time
ROWS = 8192  # rows that are projected at a time


def projected(parts: Sequence[Matrix], components: int) -> list[Tensor]:
    """Project all rows onto their common principal components; the covariance is in float64."""
    mean, _, axes = principal_axes(parts)
    axes = axes[:, -components:].flip(1).to(parts[0].dtype)
    return [onto(part, mean, axes) for part in parts]


def onto(part: Matrix, mean: Tensor, axes: Tensor) -> Tensor:
    """Coordinates of centered rows along some axes; in a file if they do not fit into memory."""
    shape, what = (len(part), axes.shape[1]), f"{len(part):,} x {axes.shape[1]:,} coordinates"
    rows = DEFAULT.empty(shape, axes.dtype, part.device, what)
    for place, block in enumerate(centered(part, mean)):
        rows[place * ROWS : place * ROWS + len(block)] = block @ axes
    return rows


def principal_axes(
    parts: Sequence[Matrix], dtype: torch.dtype | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Mean ``(D,)`` of all rows, and their principal axes ``(D, D)``, the first one last.

    Second comes the sum of squares ``(D,)`` of the centered rows along each axis. All in float64.

    Args:
        parts: the rows, in several matrices.
        dtype: precision of products of rows. Default: that of the rows.
    """
    mean = torch.stack([_sum(part) for part in parts]).sum(0) / sum(map(len, parts))
    blocks = (block.to(dtype or block.dtype) for part in parts for block in centered(part, mean))
    products = (block.T @ block for block in blocks)
    covariance = sum((product.double() for product in products), start=mean.new_zeros(()))
    if not torch.isfinite(covariance).all():
        raise NonFiniteError("The covariance of the features overflows: scale them down first.")
    return mean, *torch.linalg.eigh(covariance)


def centered(part: Matrix, mean: Tensor) -> Iterator[Tensor]:
    """Blocks of rows minus their mean ``(D,)``, which is in float64."""
    return ((block.double() - mean).to(part.dtype) for block in part.split(ROWS))


def _sum(part: Matrix) -> Tensor:
    """Sum ``(D,)`` of all rows in float64, to which torch converts a copy of what it sums."""
    total = torch.zeros(part.shape[1], dtype=torch.float64, device=part.device)
    for piece in pieces(part):
        for block in piece.split(VALUES // part.shape[1] + 1):
            total += block.sum(0, dtype=torch.float64)
    return total
