"""Choice: one sample to be labeled, and why."""

from __future__ import annotations

from dataclasses import dataclass

AUDIT = "audit: drawn uniformly, to measure the accuracy"


@dataclass(frozen=True)
class Choice:
    """One sample to be labeled.

    Attributes:
        index: its dataset index.
        why: the reason, in words and as a formula; it begins with "audit" for an audit sample.
        score: its score by the criterion; None if there is none.
        guess: name of the class that the model predicts; None before the first fit.
        certainty: probability of this class; None before the first fit.
    """

    index: int
    why: str
    score: float | None = None
    guess: str | None = None
    certainty: float | None = None
