"""Reasons to doubt a query, for ``query.why`` and as warnings."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from alkit.errors import SelectionWarning, warn
from alkit.pool.trace import Seen


def doubts(scores: Tensor, picked: int, sample: Seen | None, trained: bool) -> list[str]:
    """Reasons to doubt a query by its scores.

    Args:
        scores: ``(N,)`` final scores of the candidates.
        picked: number of picks.
        sample: predictions of some candidates.
        trained: False if the model was not trained since it was built.
    """
    found = [] if trained else ["the model was not trained since it was built"]
    if picked < len(scores) and is_constant(scores):
        found.append(f"all {len(scores):,} candidates have the same score, so chance chose")
    if sample is not None and sample.like_probabilities:
        found.append(
            "each row of outputs sums to one, as if the model ended in a softmax, but logits are "
            'declared: remove the softmax, or declare outputs="probabilities"'
        )
    return found


def explained(rule: str, reason: str, doubts: Sequence[str]) -> str:
    """Rule of a query with its reason and the doubts, each of which is also a warning."""
    for doubt in doubts:
        warn(f"{rule}: {doubt}.", SelectionWarning)
    because = f"{rule}: {reason}" if reason else rule
    return "; ".join([because, *(f"warning: {doubt}" for doubt in doubts)])


def is_constant(scores: Tensor) -> bool:
    """True if all scores are equal."""
    low, high = scores.aminmax()
    return bool(low == high)
