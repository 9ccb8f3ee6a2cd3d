"""Places of the picks among the candidates: near-duplicates and outliers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from alkit.diagnosis.finding import Finding, is_many, not_seen
from alkit.pool.trace import SecondLook, Trace

NEIGHBOR = 10  # the distance to the 10th neighbor measures the local density of the data


@dataclass(frozen=True, eq=False)
class Distances:
    """Distances between M candidates and P picks; infinite from a sample to itself.

    Attributes:
        by: ``"features"``, or without features ``"probabilities"`` or ``"values"``.
        ids: ``(P,)`` dataset indices of the picks.
        sample, picks, across: Euclidean distances ``(M, M)``, ``(P, P)`` and ``(P, M)``.
    """

    by: str
    ids: np.ndarray
    sample: Tensor
    picks: Tensor
    across: Tensor

    @classmethod
    def of(cls, trace: Trace, again: SecondLook | None) -> Distances | None:
        """Compute the distances; None if nothing can be compared.

        Cost: O((M + P)^2 D), with M and P at most 1,000.
        """
        if trace.sample is None or again is None:
            return None
        sample, picks = trace.sample.prediction, again.picks.prediction
        featured = sample.features is not None and picks.features is not None
        ours = sample.features if featured else sample.outputs
        theirs = picks.features if featured else picks.outputs
        if ours is None or theirs is None or len(sample) < 3:
            return None
        a, b = ours.flatten(1).double(), theirs.flatten(1).double()
        center = a.median(0).values
        a, b = a - center, b - center
        scale = float(a.norm(dim=1).median())
        return cls(
            "features" if featured else sample.kind,
            picks.ids.numpy(),
            _between(a, a, scale).fill_diagonal_(torch.inf),
            _between(b, b, scale).fill_diagonal_(torch.inf),
            _between(b, a, scale).masked_fill_(picks.ids[:, None] == sample.ids, torch.inf),
        )

    def to_neighbor(self) -> tuple[Tensor, Tensor]:
        """Distances ``(M,)`` of candidates and ``(P,)`` of picks to the 10th in the sample."""
        k = min(NEIGHBOR, len(self.sample) - 1)
        return self.sample.kthvalue(k, dim=1).values, self.across.kthvalue(k, dim=1).values


def near_duplicates(apart: Distances | None) -> Finding:
    """Picks that are closer to another pick than 99% of the candidates are to their nearest one."""
    name = "near-duplicates"
    if apart is None or len(apart.picks) < 2:
        return not_seen(name, "two picks, and features or outputs of the candidates")
    usual, nearest = apart.sample.amin(1), apart.picks.amin(1)
    equal = nearest == 0
    near = equal | (nearest < usual.quantile(0.01))
    share = float(near.float().mean())
    says = f"{share:.0%} of the picks are near-duplicates by their {apart.by}"
    if not is_many(near) and not equal.any():
        return Finding(name, "ok", says, share)
    if apart.by != "features":
        means = "equal outputs may come from equal samples, but only features can show it."
    else:
        means = "labels of near-duplicates give the same information twice."
        says += f" ({int(equal.sum())} have an equal one)" if equal.any() else ""
    return Finding(
        name,
        "warning" if apart.by == "features" and is_many(near) else "note",
        says,
        share,
        means,
        "inspect them; use a selector that compares the picks, such as Prefilter(10, KCenter()); "
        "query fewer samples at once; remove duplicates from the dataset.",
        apart.ids[near.numpy()],
    )


def outliers(apart: Distances | None) -> Finding:
    """Picks whose 10th neighbor is farther away than that of 99% of the candidates."""
    name = "outliers"
    if apart is None or apart.by != "features":
        return not_seen(name, 'features: pass features="layer.path" to the strategy')
    usual, ours = apart.to_neighbor()
    far = ours > usual.quantile(0.99)
    share = float(far.float().mean())
    says = f"{share:.0%} of the picks are farther out than 99% of the candidates"
    if not is_many(far):
        return Finding(name, "ok", says, share)
    return Finding(
        name,
        "warning",
        says,
        share,
        "hardly any sample resembles these: broken files, noise, or rare kinds. The model stays "
        "uncertain about them, whatever it learns.",
        "inspect them; remove broken samples; select where the data are dense, "
        "selector=UncertaintyHerding() or TypiClust().",
        apart.ids[far.numpy()],
    )


def _between(a: Tensor, b: Tensor, scale: float) -> Tensor:
    """Euclidean distances ``(A, B)``, set to 0 below the rounding of a network, 1e-5 ``scale``.

    They are computed by one GEMM in float64, whose own rounding error is far smaller.
    """
    distances = torch.cdist(a, b, compute_mode="use_mm_for_euclid_dist")
    return distances.masked_fill_(distances < 1e-5 * scale, 0.0)
