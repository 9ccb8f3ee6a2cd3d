"""Norms of rows, and rows scaled to norm one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.linalg import vector_norm

from alkit.errors import NonFiniteError
from alkit.selectors.geometry.lazy import Lazy, Matrix, filled, is_large, pieces


def squared_norms(factors: Sequence[Matrix]) -> Tensor:
    """``(N,)`` squared euclidean norms of outer products of rows.

    Raises:
        NonFiniteError: they overflow.
    """
    norms = norms_of(factors[0]).square_()
    for factor in factors[1:]:
        norms *= norms_of(factor).square_()
    if not torch.isfinite(norms).all():
        raise NonFiniteError(
            f"The squared norms of the candidates overflow {factors[0].dtype}: scale their "
            "features down first. Nothing was selected."
        )
    return norms


def norms_of(matrix: Matrix) -> Tensor:
    """``(N,)`` euclidean norms of the rows."""
    if isinstance(matrix, Tensor):
        return vector_norm(matrix, dim=1)
    return filled((vector_norm(part, dim=1) for part in pieces(matrix)), len(matrix))


def unit_rows(matrix: Matrix) -> Matrix:
    """Scale rows to norm one; a row of zeros stays. Rows that all have norm one are not copied.

    A large matrix is not copied either: its rows are scaled when they are taken.

    Raises:
        NonFiniteError: norms overflow.
    """
    norms = norms_of(matrix)[:, None]
    if not torch.isfinite(norms).all():
        raise NonFiniteError(f"The norms of the features overflow {matrix.dtype}: scale them down.")
    if ((norms - 1).abs() <= 4 * torch.finfo(matrix.dtype).eps).all():
        return matrix
    norms.clamp_(min=torch.finfo(matrix.dtype).tiny)
    if isinstance(matrix, Tensor) and not is_large(matrix.nbytes):
        return matrix / norms
    shape = len(matrix), matrix.shape[1]
    return Lazy(lambda rows: matrix[rows] / norms[rows], shape, matrix.dtype, matrix.device)
