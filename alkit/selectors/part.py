"""A part of a large pool, drawn at random, in place of all candidates."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from alkit.selectors.candidates import Candidates
from alkit.selectors.kmeans import completed
from alkit.selectors.picks import Picks
from alkit.selectors.spaces import Space

LARGE = 2**16  # number of candidates beyond which a part of them is compared
EACH = 10  # candidates of a part for each pick, at least
ROOM = 2**30  # bytes of a table about a part


@dataclass(frozen=True, eq=False)
class Part:
    """Candidates that a selector compares: all of them, or a part of a large pool.

    For any ranking of all candidates, 65,536 drawn at random hold one of the first 0.01 % with a
    probability of 99.8 %. Only their rows are read. Memory: a copy of these.

    Attributes:
        candidates: the candidates to compare.
        rows: ``(M,)`` their positions among all, ascending; None for all candidates.
        note: text for ``query.why``; empty for all candidates.
        room: bytes that a table of all pairs may take; None for the usual number.
    """

    candidates: Candidates
    rows: Tensor | None = None
    note: str = ""
    room: int | None = None

    @classmethod
    def of(
        cls,
        candidates: Candidates,
        n: int,
        generator: Generator,
        wanted: Tensor | None = None,
        *,
        size: int | None = 0,
    ) -> Part:
        """Draw a part if there are more than 65,536 candidates.

        Args:
            candidates: all N candidates.
            n: number of picks; the part holds at least 10 candidates for each.
            generator: source of random numbers; not used if the part is all candidates.
            wanted: distinct positions of candidates that the part must hold. Default: none.
            size: least number of candidates of a part; None: all.
        """
        total = len(candidates)
        size = total if size is None else max(LARGE, EACH * n, size)
        if size >= total:
            return cls(candidates)
        order = torch.randperm(total, generator=generator)
        if wanted is not None:
            held = torch.zeros(total, dtype=torch.bool)
            held[wanted.cpu()] = True
            order = torch.cat([wanted.cpu(), order[~held[order]]])
        rows = order[: max(size, 0 if wanted is None else len(wanted))].sort().values
        note = f"among {len(rows):,} of {total:,} candidates, drawn at random"
        return cls(candidates[rows], rows, note, ROOM)

    def at(self, rows: Tensor) -> Tensor:
        """Positions within the part of candidates that it holds."""
        return rows if self.rows is None else torch.searchsorted(self.rows, rows.cpu())

    def picks(self, positions: Tensor) -> Tensor | Picks:
        """Convert picks within the part to picks of all candidates."""
        return positions if self.rows is None else Picks(self.rows[positions], note=self.note)


def is_large_pool(candidates: Candidates) -> bool:
    """True if there are more than 65,536 candidates."""
    return len(candidates) > LARGE


def completed_in_part(
    space: Space, candidates: Candidates, picks: Tensor, n: int, generator: Generator
) -> Tensor:
    """Drop repeated picks, and complete them to ``n`` by the farthest candidates of a part.

    See ``completed``.
    """
    part = Part.of(candidates, n, generator, picks)
    points, known = space(part.candidates)
    positions = completed(part.at(picks), points, known, n, generator)
    return positions if part.rows is None else part.rows[positions]
