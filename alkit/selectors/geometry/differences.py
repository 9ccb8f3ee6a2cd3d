"""Distances by differences of coordinates, exact where products of them would cancel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import Tensor
from torch.linalg import vecdot, vector_norm


def raw_apart(metric: str, factors: Sequence[Tensor], others: Sequence[Tensor]) -> Tensor:
    """Raw distances ``(P,)`` of P pairs of rows; for outer products, of ``(a-c) b' + c (b-d)'``."""
    pairs = zip(factors, others, strict=True)
    (a, c), *more = [(ours.double(), theirs.double()) for ours, theirs in pairs]
    first = a - c
    if metric == "manhattan":
        return first.abs().sum(1)
    if not more:
        return vector_norm(first, dim=1).square_()
    ((b, d),) = more
    second = b - d
    squares = vecdot(first, first) * vecdot(b, b) + vecdot(c, c) * vecdot(second, second)
    return (squares + 2 * vecdot(first, c) * vecdot(b, second)).clamp_(min=0)


def distance_of(metric: str, raw: Tensor) -> Tensor:
    """Distances from raw ones, in place: the square root; half of it squared for cosine."""
    if metric == "manhattan":
        return raw
    return raw.mul_(0.5) if metric == "cosine" else raw.sqrt_()


def pairs(places: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Rows and columns of places ``(P, 2)``, in parts that bound the memory of their comparison."""
    i, j = places.unbind(1)
    return zip(i.split(512), j.split(512), strict=True)


def too_close(
    raw: Tensor, slack: float, ours: Tensor, theirs: Tensor
) -> Iterator[tuple[Tensor, Tensor]]:
    """Rows and columns of the pairs whose raw distance rounding of the GEMM form may decide.

    Args:
        raw: ``(N, M)`` raw distances by the GEMM form.
        slack: its rounding error, as a share of the squared norms.
        ours, theirs: ``(N,)`` and ``(M,)`` squared norms.
    """
    suspects = (raw.amin(1) <= slack * (ours + theirs.amax())).nonzero().flatten()
    if len(suspects):
        near = raw[suspects] <= slack * (ours[suspects, None] + theirs)
        for i, j in pairs(near.nonzero()):
            yield suspects[i], j
