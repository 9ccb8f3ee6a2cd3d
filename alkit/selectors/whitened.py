"""Whitened: a space whose directions all vary alike."""

from __future__ import annotations

from typing import Any

import torch

from alkit.errors import ConfigurationError, SelectionWarning, warn
from alkit.selectors.candidates import Candidates
from alkit.selectors.geometry.axes import onto, principal_axes
from alkit.selectors.geometry.norms import unit_rows
from alkit.selectors.spaces import Factors, Space, as_space

LEAST = 1e-10  # share of the largest variance below which a direction is rounding


class Whitened(Space):
    """Another space, centered, with variance one in every direction, of candidates and annotated.

    Features of a network that is trained on few labels collapse into few directions; whitening
    undoes that. Directions that do not vary are left out. Cost: O(N D^2 + D^3) at each query.

    Args:
        space: space of one matrix ``(N, D)``, euclidean. Default: ``Features()``.
        normalize: whether to scale every row to norm one afterwards, as bandwidths of 1 expect.

    Raises:
        ConfigurationError: the space has another metric, or is one of gradients.
    """

    joint = True

    def __init__(self, space: Space | None = None, *, normalize: bool = True) -> None:
        self.space, self.normalize = as_space(space), bool(normalize)
        if self.space.metric != "euclidean" or self.space.origin_is_known:
            raise ConfigurationError(
                f"Whitened needs a euclidean space of rows (N, D), got {space!r}: whitening "
                "changes all other distances."
            )
        self.needs: frozenset[Any] = self.space.needs

    def parts(self, candidates: Candidates) -> list[Factors]:
        parts = [factors[0] for factors in self.space._together(self.space.parts(candidates))]
        mean, squares, axes = principal_axes(parts, torch.float64)
        kept = squares > LEAST * squares.amax().clamp_min(torch.finfo(torch.float64).tiny)
        scale = (squares[kept] / sum(map(len, parts))).rsqrt()
        turned = (axes[:, kept] * scale).flip(1).to(parts[0].dtype)
        if not turned.shape[1]:  # all rows are the same
            turned = turned.new_zeros(len(turned), 1)
        elif turned.shape[1] >= max(sum(map(len, parts)) - 1, 2):
            warn(
                f"{self!r} has {turned.shape[1]} directions for {sum(map(len, parts)):,} samples, "
                "so all distances between these are the same, and chance chose: whiten fewer "
                "directions, such as Whitened(Features(pca=10)) or Whitened(Inputs(10)).",
                SelectionWarning,
            )
        rows = [onto(part, mean, turned) for part in parts]
        return [(unit_rows(part) if self.normalize else part,) for part in rows]

    def __repr__(self) -> str:
        inner = "" if repr(self.space) == "Features()" else repr(self.space)
        parts = [inner, *([] if self.normalize else ["normalize=False"])]
        return f"Whitened({', '.join(filter(None, parts))})"
