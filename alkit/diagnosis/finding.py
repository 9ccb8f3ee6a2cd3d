"""Finding: the result of checking a query for one symptom."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from torch import Tensor

Verdict = Literal["ok", "note", "warning", "not seen"]


@dataclass(frozen=True, eq=False)
class Finding:
    """Result of checking a query for one symptom.

    Attributes:
        name: the symptom.
        verdict: ``"ok"``; ``"note"``: worth knowing; ``"warning"``: labels would be wasted;
            ``"not seen"``: the data needed for the check are missing.
        says: the measurement in words; for ``"not seen"``, the data that the check needs.
        value: the measurement as a number.
        means, do: consequence and remedy; empty if nothing was found.
        indices: dataset indices of the affected picks, if the symptom concerns individual picks.
    """

    name: str
    verdict: Verdict
    says: str
    value: float | None = None
    means: str = ""
    do: str = ""
    indices: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))


def not_seen(name: str, needs: str) -> Finding:
    """Return the finding of a check that could not run, with the data that it needs."""
    return Finding(name, "not seen", f"needs {needs}")


def is_many(rows: Tensor) -> bool:
    """True if more than one row and more than 10% are True; chance alone gives 1%."""
    number = int(rows.sum())
    return number > 1 and 10 * number > len(rows)
