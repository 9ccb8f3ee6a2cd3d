"""Reasons to doubt a query, for ``query.why`` and as warnings."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from alkit.errors import SelectionWarning, warn
from alkit.pool.trace import Seen


def doubts(
    scores: Tensor,
    picked: int,
    sample: Seen | None,
    trained: bool,
    disagreement: bool,
    alone: bool = True,
) -> list[str]:
    """Reasons to doubt a query by its scores.

    Args:
        scores: ``(N,)`` final scores of the candidates.
        picked: number of picks.
        sample: predictions of some candidates.
        trained: False if the model was not trained since it was built.
        disagreement: True if a term measures the disagreement of posterior samples.
        alone: True if scores alone decide, False if the selector also compares candidates.
    """
    found = [] if trained else ["the model was not trained since it was built"]
    instead = "chance chose" if alone else "scores decided nothing"
    if picked < len(scores) and is_constant(scores):
        found.append(f"all {len(scores):,} candidates have the same score, so {instead}")
    if sample is not None and disagreement and sample.posterior_samples > 1 and sample.agree:
        found.append(f"all posterior samples are equal, so nothing disagrees and {instead}")
    if sample is not None and 2 * sample.bare > len(sample.prediction):
        share = sample.bare / len(sample.prediction)
        found.append(f"{share:.0%} of the candidates have no {sample.unit}")
    if sample is not None and sample.like_probabilities:
        found.append(
            "the outputs look like probabilities, as if the model ended in a softmax or sigmoid, "
            'but logits are declared: remove that layer, or declare outputs="probabilities"'
        )
    return found


def without_rows(bare: Tensor, picks: Tensor, unit: str) -> list[str]:
    """A doubt about picks without rows, whose score says nothing, where others were left.

    Args:
        bare: ``(N,)`` True for a candidate without rows.
        picks: positions of the picks.
        unit: name of the rows.
    """
    bare, positions = bare.cpu(), picks.cpu()
    count = int(bare[positions].count_nonzero())
    if not count or len(positions) - count == int((~bare).count_nonzero()):
        return []
    return [
        f"{count} of the {len(positions)} picks have no {unit}, and those of others were left: "
        "Each(criterion, empty=score) sets their score"
    ]


def explained(rule: str, reason: str, doubts: Sequence[str]) -> str:
    """Rule of a query with its reason and the doubts, each of which is also a warning."""
    for doubt in doubts:
        warn(f"{rule}: {doubt}.", SelectionWarning)
    because = f"{rule}: {reason}" if reason else rule
    return "; ".join([because, *(f"warning: {doubt}" for doubt in doubts)])


def is_constant(scores: Tensor) -> bool:
    """True if all scores are equal, up to rounding."""
    low, high = (float(bound) for bound in scores.aminmax())
    rounding = 8 * torch.finfo(scores.dtype).eps * max(abs(low), abs(high))
    return high - low <= rounding
