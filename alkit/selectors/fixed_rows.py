"""Features of candidates and annotated samples that do not change with training."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from alkit.errors import PredictionError


@dataclass(frozen=True, eq=False)
class FixedRows:
    """Fixed features of the samples of a query, by the space that declares them; see ``Fixed``.

    Attributes:
        candidates: ``(N, D)`` rows of the candidates.
        annotated: ``(A, D)`` rows of the annotated samples; empty if there are none or they are not
            needed.
    """

    candidates: Mapping[Any, Tensor]
    annotated: Mapping[Any, Tensor] = field(default_factory=dict)

    @property
    def device(self) -> torch.device | None:
        """Device of the rows; None if there are none."""
        return next((rows.device for rows in self.candidates.values()), None)

    @property
    def num_annotated(self) -> int:
        """Number of annotated samples."""
        return next(map(len, self.annotated.values()), 0)

    def check(self, count: int) -> None:
        """Raise a PredictionError unless each space has one row per candidate."""
        for space, rows in self.candidates.items():
            if not isinstance(rows, Tensor) or rows.ndim != 2 or len(rows) != count:
                shape = tuple(rows.shape) if isinstance(rows, Tensor) else type(rows).__name__
                raise PredictionError(
                    f"the rows of {space!r} must be a tensor ({count}, D), got {shape}."
                )

    def at(self, positions: Tensor) -> FixedRows:
        """The same with some of the candidates."""
        rows = self.candidates.items()
        return FixedRows({k: part[positions.to(part.device)] for k, part in rows}, self.annotated)

    def only(self, needs: Set[Any]) -> FixedRows | None:
        """The same with the spaces among some needs; None if there are none of these."""
        ours, theirs = (
            {space: rows for space, rows in part.items() if space in needs}
            for part in (self.candidates, self.annotated)
        )
        return FixedRows(ours, theirs if "annotated" in needs else {}) if ours else None

    def joined(self, picked: FixedRows) -> FixedRows:
        """The same with the candidates of another as further annotated samples."""
        known = {
            space: rows if space not in self.annotated else torch.cat([self.annotated[space], rows])
            for space, rows in picked.candidates.items()
        }
        return FixedRows(self.candidates, known)
