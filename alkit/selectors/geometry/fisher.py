"""Fisher information of the last layer, and its change with each candidate."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor


class Trace:
    """``tr(M^-1 F)``, and its change with each candidate that is added to M or removed.

    The information of a candidate is V V', where V is its root times its row. Let
    ``G = V' M^-1 V`` and ``H = V' M^-1 F M^-1 V``, both ``(N, k, k)``. By Woodbury, adding a
    candidate lowers the trace by ``tr((I + G)^-1 H)``, and removing it raises the trace by
    ``tr((I - G)^-1 H)``.

    Args:
        rows: ``(N, d)`` features.
        roots: ``(N, C, k)`` roots; see ``roots``.
        prior: M at the start, ``(C d, C d)``, class by class.
        fisher: F, ``(C d, C d)``.
    """

    def __init__(self, rows: Tensor, roots: Tensor, prior: Tensor, fisher: Tensor) -> None:
        self.rows, self.roots, self.prior, self.fisher = rows, roots, prior, fisher
        self.inverse = torch.cholesky_inverse(torch.linalg.cholesky(prior))
        self.middle = self.inverse @ fisher @ self.inverse
        self.g, self.h = self._within(self.inverse), self._within(self.middle)

    def among(self, members: list[int]) -> Trace:
        """The trace after all members were added, over these alone; without gathered rounding."""
        prior = self.prior.clone()
        for member in members:
            embedding = self._embedding(member)
            prior += embedding @ embedding.T
        return Trace(self.rows[members], self.roots[members], prior, self.fisher)

    def change(self, sign: int) -> Tensor:
        """``(N,)`` fall (sign 1) or rise (-1) of the trace with each candidate."""
        identity = torch.eye(self.g.shape[1]).to(self.g)
        found = [
            torch.linalg.solve(identity + sign * self.g[part], self.h[part])
            .diagonal(dim1=1, dim2=2)
            .sum(1)
            for part in _parts(self.g)
        ]
        return torch.cat(found)

    def move(self, position: int, sign: int) -> None:
        """Add a candidate to M (sign 1), or remove it (-1)."""
        embedding = self._embedding(position)
        near, far = self.inverse @ embedding, self.middle @ embedding
        h = self.h[position].clone()
        k = torch.linalg.inv(torch.eye(len(h)).to(h) + sign * self.g[position])
        for part in _parts(self.rows):
            a, b = self._across(part, near), self._across(part, far)
            u = a @ k
            c = u @ (b - sign / 2 * u @ h).mT
            self.g[part] -= sign * u @ a.mT
            self.h[part] -= sign * (c + c.mT)
        u = near @ k
        c = u @ (far - sign / 2 * u @ h).T
        self.inverse -= sign * u @ near.T
        self.middle -= sign * (c + c.T)

    def _embedding(self, position: int) -> Tensor:
        """V, ``(C d, k)``, of a candidate."""
        return (self.roots[position, :, None] * self.rows[position, :, None]).flatten(0, 1)

    def _across(self, part: slice, right: Tensor) -> Tensor:
        """``V' right``, ``(B, k, k)``, for some candidates and one matrix ``(C d, k)``."""
        classes, width = self.roots.shape[1], self.rows.shape[1]
        right = right.view(classes, width, -1).transpose(0, 1)
        inner = (self.rows[part] @ right.flatten(1)).view(-1, *right.shape[1:])
        return self.roots[part].mT @ inner

    def _within(self, matrix: Tensor) -> Tensor:
        """``V' matrix V``, ``(N, k, k)``, for all candidates and a matrix ``(C d, C d)``."""
        (n, classes, kept), width = self.roots.shape, self.rows.shape[1]
        result = matrix.new_empty(n, kept, kept)
        blocks = matrix.view(classes, width, classes, width)
        for part in _parts(self.rows, classes * width):
            rows, roots = self.rows[part], self.roots[part]
            inner = [  # (B, C): e' M_ij e for all j
                torch.einsum("bjd,bd->bj", (rows @ block.flatten(1)).view(-1, classes, width), rows)
                for block in blocks
            ]
            result[part] = roots.mT @ torch.stack(inner, dim=1) @ roots
        return result


def information(rows: Tensor, p: Tensor) -> Tensor:
    """Sum ``(C d, C d)`` of ``(diag(p) - p p') x (e e')`` over the samples."""
    classes, width = p.shape[1], rows.shape[1]
    total = rows.new_zeros(classes, width, classes, width)
    flat = total.view(classes * width, -1)
    for part in _parts(rows, classes * width):
        e, q = rows[part], p[part]
        joint = (q[:, :, None] * e[:, None]).flatten(1)
        flat.addmm_(joint.T, joint, alpha=-1)
        for i in range(classes):
            total[i, :, i] += e.T @ (q[:, i, None] * e)
    return flat


def roots(p: Tensor, classes: int | None) -> Tensor:
    """Roots ``(N, C, k)``: their product with themselves is ``diag(p) - p p'`` if k is C."""
    best = p.topk(min(classes or p.shape[1], p.shape[1]), dim=1)
    roots = -p[:, :, None] * best.values.sqrt()[:, None]
    return roots.scatter_add_(1, best.indices[:, None], best.values.sqrt()[:, None])


def _parts(rows: Tensor, values: int = 64) -> Iterator[slice]:
    """Blocks of rows with ``values`` values each."""
    size = max(1, 2**18 // values)
    for start in range(0, len(rows), size):
        yield slice(start, start + size)
