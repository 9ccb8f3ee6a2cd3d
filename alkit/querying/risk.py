"""Estimate of the model's error on all unannotated samples, from labels of a stochastic query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from statistics import NormalDist

import numpy as np
import torch
from numpy.typing import ArrayLike

from alkit.errors import ConfigurationError

UNSEEN = 0.03  # errors of typical weight that few labels may have missed


@dataclass(frozen=True)
class Risk:
    """Estimate of the mean loss over all candidates; for losses 0 and 1, this is the error.

    Attributes:
        value: unbiased estimate; it may therefore be above 1 or outside the interval.
        low, high: bounds of the interval.
        level: share of such intervals that contain the true value, 0.9 by default.
        labels: number of labels in the estimate.
        effective: effective sample size ``(sum v)^2 / sum v^2`` of the weights v of the labels.
        unreachable: share of candidates that could not be picked by any draw; they count as losses
            of zero.
    """

    value: float
    low: float
    high: float
    level: float
    labels: int
    effective: float
    unreachable: float = 0.0

    @property
    def degenerate(self) -> bool:
        """True if few labels dominate (effective below labels / 4): do not trust the estimate."""
        return self.effective < self.labels / 4

    @property
    def warning(self) -> str:
        """Problems of the estimate and what to do about them; empty if there are none."""
        says = []
        if self.degenerate:
            says.append(
                f"few labels dominate, {self.labels} count as {self.effective:.1f}: lower the "
                "selector's beta, raise its uniform share, or draw by ranks, al.Rank(criterion)"
            )
        if self.unreachable:
            says.append(
                f"{self.unreachable:.1%} of the candidates could not be picked, so their "
                "losses are missing: give the selector a uniform share, uniform=0.1"
            )
        return "; ".join(says)

    def __repr__(self) -> str:
        text = (
            f"{self.value:.3f} ({self.level:.0%}: {self.low:.3f} to {self.high:.3f}), "
            f"{self.labels} labels, effective {self.effective:.1f}"
        )
        return f"Risk({text})" if not self.warning else f"Risk({text}; WARNING: {self.warning})"


def estimate_risk(
    losses: ArrayLike | torch.Tensor,
    probabilities: ArrayLike | torch.Tensor | None,
    candidates: int,
    *,
    level: float = 0.9,
    unreachable: int = 0,
) -> Risk:
    """Estimate the mean loss of a model over N candidates from M picks with known probabilities.

        al.estimate_risk(query.guesses != labels, query.probabilities, candidates=1078)

    Picks that were drawn because they are hard make the model look worse than it is. Weighting
    them by their probabilities corrects this. This is the levelled unbiased risk estimator of
    Farquhar, Gal & Rainforth 2021, "On statistical bias in active learning: how and when to fix
    it", section 3,

        R = (1/M) sum_m v_m loss_m,    v_m = 1 + (N - M) / (N - m) (1 / ((N - m + 1) q_m) - 1),

    whose expectation is the mean loss over all N, if the model did not change meanwhile and
    every candidate could be picked at each turn. For uniform picks, it is their plain mean.

    The interval is Wilson's, for a variable that is either 0 or of one size, with the mean and
    mean square of the weighted losses. These mean squares include 0.03 additional errors of
    typical weight, since a few labels rarely include the heaviest. In ``benchmarks/monitor.py``,
    90 % intervals contain the true value 87 to 94 of 100 times, if the estimates are not
    ``degenerate``.

    Args:
        losses: ``(M,)`` losses of at least 0, or booleans that are True where the model was wrong.
            They are in the order of the picks, from the first one on; later picks may be left out,
            but none in between.
        probabilities: ``(M,)`` probabilities q in (0, 1] of each pick among the candidates that
            were left at its turn.
        candidates: N, the number of candidates before the first pick.
        level: confidence level of the interval, in (0, 1).
        unreachable: number of candidates that could not be picked; the estimate reports it.

    Raises:
        ConfigurationError: arrays of different lengths, or values out of range.
    """
    terms = Terms.of(losses, probabilities, candidates, unreachable)
    return mean_of([terms], level)


@dataclass(frozen=True, eq=False)
class Terms:
    """Weighted losses of one query, the parts of an estimate.

    Attributes:
        losses, weights: ``(M,)`` float64.
        spread: factor of the variance for M of N draws without replacement: the mean has
            ``spread / M`` times the variance of one term.
        unreachable: share of candidates that could not be picked.
    """

    losses: np.ndarray
    weights: np.ndarray
    spread: float
    unreachable: float

    @classmethod
    def of(
        cls,
        losses: ArrayLike | torch.Tensor,
        probabilities: ArrayLike | torch.Tensor | None,
        candidates: int,
        unreachable: int = 0,
    ) -> Terms:
        """Create the terms of a query; see ``estimate_risk``."""
        loss, q = _row("losses", losses), _row("probabilities", probabilities)
        total, picks = _whole("candidates", candidates), len(q)
        unreachable = _whole("unreachable", unreachable)
        if len(loss) != picks or not picks:
            raise ConfigurationError(
                f"expected one loss per pick, and at least one, got {len(loss)} losses and "
                f"{picks} probabilities: pass the first picks, in their order."
            )
        if total < picks or not 0 <= unreachable < total:
            raise ConfigurationError(
                f"candidates must be the number of unannotated samples before the first of {picks} "
                f"picks, and unreachable part of them, got {candidates!r} and {unreachable!r}."
            )
        if (loss < 0).any():
            raise ConfigurationError(f"losses must be at least 0, got {loss.min():g}.")
        if not ((q > 0) & (q <= 1 + 1e-9)).all():
            raise ConfigurationError(f"probabilities must be in (0, 1], got {q}.")
        left = total - np.arange(picks)  # before each pick
        evenness = (total - picks) / np.maximum(left - 1, 1)
        spread = (total - picks) / max(total - 1, 1)
        return cls(loss, 1 + evenness * (1 / (left * q) - 1), spread, unreachable / total)

    def among(self, rows: np.ndarray) -> Terms:
        """Terms of some of the picks, as if only these were queried: their weights have mean 1."""
        weights = self.weights[rows]
        return Terms(self.losses[rows], weights / weights.mean(), self.spread, self.unreachable)


def mean_of(parts: Sequence[Terms], level: float = 0.9) -> Risk:
    """Estimate the mean loss over one or more queries, with equal weight for each label."""
    if not isinstance(level, Real) or not 0 < level < 1:
        raise ConfigurationError(f"level must be in (0, 1), got {level!r}.")
    losses, v = (
        np.concatenate([getattr(p, name) for p in parts]) for name in ("losses", "weights")
    )
    terms, n = losses * v, len(v)
    value = float(terms.mean())
    spread = sum(len(part.losses) * part.spread for part in parts) / n**2
    size = max(losses.max(), 0.0) or 1.0
    unseen, typical = UNSEEN * size * v.mean(), size * (v @ v) / v.sum()
    scale = (terms @ terms + unseen * typical) / (terms.sum() + unseen)
    low, high = (scale * bound for bound in _wilson(min(value / scale, 1.0), spread, level))
    if size == 1 and np.isin(losses, (0, 1)).all():
        low, high = min(low, 1.0), min(high, 1.0)
    unreachable = max(part.unreachable for part in parts)
    effective = float(v.sum() ** 2 / (v @ v))
    return Risk(value, float(low), float(high), level, n, effective, unreachable)


def _wilson(share: float, spread: float, level: float) -> tuple[float, float]:
    """Wilson bounds of a proportion; ``spread`` is 1 / n for n independent draws."""
    square = NormalDist().inv_cdf((1 + level) / 2) ** 2 * spread
    middle = share + square / 2
    half = (square * (share * (1 - share) + square / 4)) ** 0.5
    return max(0.0, (middle - half) / (1 + square)), (middle + half) / (1 + square)


def _whole(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise ConfigurationError(f"{name} must be a whole number of samples, got {value!r}.")
    return int(value)


def _row(name: str, values: ArrayLike | torch.Tensor | None) -> np.ndarray:
    values = values.detach().cpu().numpy() if isinstance(values, torch.Tensor) else values
    try:
        row = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):  # rows of different lengths, or not numbers
        row = np.asarray(np.nan)
    if row.ndim != 1 or not np.isfinite(row).all():
        raise ConfigurationError(
            f"{name} must be finite numbers (M,), one per pick, got {values!r}."
        )
    return row
