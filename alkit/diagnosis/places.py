"""Where the picks lie among the candidates: near-duplicates and outliers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from alkit.diagnosis.finding import Finding, is_many, not_seen
from alkit.evidence import Evidence
from alkit.selectors.points import Points
from alkit.selectors.spaces import as_float

NEIGHBOR = 10  # whose distance says how densely the data lie somewhere


@dataclass(frozen=True, eq=False)
class Distances:
    """How far M candidates and P picks are from each other; nothing is its own neighbor.

    Attributes:
        by: ``"features"``; where there are none, ``"probabilities"`` or ``"values"``.
        ids: ``(P,)`` of the picks.
        sample, picks, across: euclidean distances ``(M, M)``, ``(P, P)`` and ``(P, M)``.
    """

    by: str
    ids: np.ndarray
    sample: Tensor
    picks: Tensor
    across: Tensor

    @classmethod
    def of(cls, evidence: Evidence) -> Distances | None:
        """None where nothing can be compared. Cost: (M + P)^2 D, M and P at most 1,000."""
        if evidence.sample is None or evidence.picks is None:
            return None
        sample, picks = evidence.sample.prediction, evidence.picks.prediction
        featured = sample.features is not None and picks.features is not None
        rows = [part.features if featured else part.outputs for part in (sample, picks)]
        if len(sample) < 3 or any(part is None for part in rows):
            return None
        a, b = (Points((as_float(part).flatten(1),)) for part in rows)
        return cls(
            "features" if featured else sample.kind,
            picks.ids.numpy(),
            a.distances(a).fill_diagonal_(torch.inf),
            b.distances(b).fill_diagonal_(torch.inf),
            b.distances(a).masked_fill_(picks.ids[:, None] == sample.ids, torch.inf),
        )

    def to_neighbor(self) -> tuple[Tensor, Tensor]:
        """``(M,)`` and ``(P,)``: of a candidate and of a pick to its 10th of the sample."""
        k = min(NEIGHBOR, len(self.sample) - 1)
        return self.sample.kthvalue(k, dim=1).values, self.across.kthvalue(k, dim=1).values


def near_duplicates(apart: Distances | None) -> Finding:
    """Picks whose nearest pick is nearer than 99% of the candidates have their nearest one."""
    name = "near-duplicates"
    if apart is None or len(apart.picks) < 2:
        return not_seen(name, "two picks, and features or outputs of the candidates")
    usual, nearest = apart.sample.amin(1), apart.picks.amin(1)
    equal = nearest <= 1e-3 * usual.median()  # rounding alone moves equal samples apart
    near = equal | (nearest < usual.quantile(0.01))
    share = float(near.float().mean())
    says = f"{share:.0%} of the picks have one among the picks, by their {apart.by}"
    if not is_many(near) and not equal.any():
        return Finding(name, "ok", says, share)
    if apart.by != "features":
        means = "equal outputs may come of equal samples; only features can tell."
    else:
        means = "labels of near-duplicates tell the same thing twice."
        says += f" ({int(equal.sum())} an equal one)" if equal.any() else ""
    return Finding(
        name,
        "warning" if apart.by == "features" and is_many(near) else "note",
        says,
        share,
        means,
        "look at them; compare the picks, selector=Prefilter(10, KCenter()); ask for fewer at "
        "once; remove duplicates from the dataset.",
        apart.ids[near.numpy()],
    )


def outliers(apart: Distances | None) -> Finding:
    """Picks whose 10th neighbor is further away than that of 99% of the candidates."""
    name = "outliers"
    if apart is None or apart.by != "features":
        return not_seen(name, 'features of the candidates: features="layer.path" of the strategy')
    usual, ours = apart.to_neighbor()
    far = ours > usual.quantile(0.99)
    share = float(far.float().mean())
    says = f"{share:.0%} of the picks lie further out than 99% of the candidates"
    if not is_many(far):
        return Finding(name, "ok", says, share)
    return Finding(
        name,
        "warning",
        says,
        share,
        "hardly any sample is like these: broken files, noise, or rare kinds. A model stays "
        "unsure of them, whatever it has learned.",
        "look at them; remove what is broken; choose where the data are dense, "
        "selector=UncertaintyHerding() or TypiClust().",
        apart.ids[far.numpy()],
    )
