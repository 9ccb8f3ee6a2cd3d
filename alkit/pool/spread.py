"""Spread of the guessed classes of picks, compared with random candidates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BATCHES = 500  # number of random batches to compare with


@dataclass(frozen=True)
class Spread:
    """Number of classes among the guesses of some picks, and of as many random candidates.

    Attributes:
        picks: number of picks.
        classes: number of classes among their guesses.
        expected: mean number of classes among the guesses of as many random candidates.
        least: number of classes that 99 % of 500 random batches have at least.
    """

    picks: int
    classes: int
    expected: float
    least: int

    @classmethod
    def of(cls, guesses: np.ndarray, candidates: np.ndarray) -> Spread | None:
        """Compute it; None unless guesses are numbers of exclusive classes.

        Args:
            guesses: ``(n,)`` guessed classes of the picks.
            candidates: ``(M,)`` those of some or all candidates.
        """
        if guesses.ndim != 1 or candidates.ndim != 1 or not len(guesses) or not len(candidates):
            return None
        shares = np.unique(candidates, return_counts=True)[1] / len(candidates)
        drawn = np.random.default_rng(0).multinomial(len(guesses), shares, BATCHES)
        numbers = (drawn > 0).sum(1)
        least = int(np.quantile(numbers, 0.01, method="lower"))
        return cls(len(guesses), len(np.unique(guesses)), float(numbers.mean()), least)

    @property
    def narrow(self) -> bool:
        """True if there are at most half as many classes as expected, and fewer than by chance."""
        return self.classes <= self.expected / 2 and self.classes < self.least

    def __str__(self) -> str:
        found = "1 class" if self.classes == 1 else f"{self.classes} classes"
        return (
            f"the picks are guessed to be of {found}, {self.picks} random candidates of "
            f"{self.expected:.1f}"
        )
