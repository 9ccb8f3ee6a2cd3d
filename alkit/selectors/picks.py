"""Picks, the result of a selector."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Picks:
    """Result of a selector.

    Attributes:
        positions: ``(n,)`` distinct positions among the candidates, long, most wanted first.
        probabilities: ``(n,)`` float64, the probability of each pick among the candidates that were
            left at its turn; None if it is not known.
        unreachable: number of candidates that had a probability of zero at some turn; estimates
            from the probabilities do not cover these.
        note: text for ``query.why`` on how the picks of a large pool are approximated; empty if
            they are exact.
    """

    positions: Tensor
    probabilities: Tensor | None = None
    unreachable: int = 0
    note: str = ""

    def __len__(self) -> int:
        return len(self.positions)


def notes_of(parts: Iterable[Picks]) -> str:
    """Notes of the picks of several selectors, each note once."""
    return "; ".join(dict.fromkeys(part.note for part in parts if part.note))
