"""One symptom of a query: what was looked for, what was seen, what to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from torch import Tensor

Verdict = Literal["ok", "note", "warning", "not seen"]


@dataclass(frozen=True, eq=False)
class Finding:
    """One symptom, looked for.

    Attributes:
        name: the symptom.
        verdict: ``"ok"``; ``"note"``: worth knowing; ``"warning"``: labels would be wasted;
            ``"not seen"``: what it takes to tell was not there.
        says: what was measured, in words; of what was not seen, what it needs.
        value: what was measured, as a number.
        means, do: what it means and what to do, where something was found.
        indices: dataset indices of the picks that it is about, where it is about some.
    """

    name: str
    verdict: Verdict
    says: str
    value: float | None = None
    means: str = ""
    do: str = ""
    indices: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))


def not_seen(name: str, needs: str) -> Finding:
    """What it takes to tell was not there."""
    return Finding(name, "not seen", f"needs {needs}")


def is_many(rows: Tensor) -> bool:
    """More than one, and more than a tenth: chance alone gives a hundredth."""
    number = int(rows.sum())
    return number > 1 and 10 * number > len(rows)
