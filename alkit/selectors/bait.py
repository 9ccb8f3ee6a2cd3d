from __future__ import annotations

import torch
from torch import Generator, Tensor

from alkit.arguments import check_number
from alkit.hardware import check_cost
from alkit.progress import report
from alkit.selectors.candidates import Candidates
from alkit.selectors.geometry.fisher import Trace, information, roots
from alkit.selectors.geometry.lazy import filled, whole
from alkit.selectors.geometry.points import Points
from alkit.selectors.kmeans import completed
from alkit.selectors.selector import Selector
from alkit.selectors.spaces import as_matrix

OVERSAMPLE = 2  # additions per pick
EQUAL = 1e-9  # share of a gain that rounding may change


class BAIT(Selector):
    """The batch after which the last layer would be the least uncertain about the whole pool.

    It minimizes ``tr(M^-1 F)`` greedily. F is the Fisher information of the weights of the last
    layer, ``(diag(p) - p p') x (e e')`` for probabilities p and features e, summed over all
    samples. M is ``regularization`` times the identity, plus the information of annotated samples
    and picks. 2 n candidates are added one by one, and all but n of them are then removed one by
    one. Ash, Goel, Krishnamurthy & Kakade 2021, "Gone fishing: neural active learning with Fisher
    embeddings", Algorithm 1. Candidates equal to an annotated sample or a pick come last.

    The information of the L annotated samples and of the picks enters M as a sum. The code that
    circulates for the paper takes the mean over the annotated samples, scaled by ``L / (L + n)``,
    and scales that of the picks by ``n / (L + n)``. ``regularization`` therefore counts for less
    here, the more is annotated, and some batches differ.

    Both matrices have one row per weight, so features are projected onto their ``pca`` principal
    directions. The information of a candidate may be limited to its most probable ``classes``, as
    in Huseljic, Hahn, Herde, Rauch & Sick 2024, "Fast fishing: approximating BAIT for efficient and
    scalable deep active image classification"; or be that of a binary problem, as there too: the
    predicted class against all others, ``p (1 - p) e e'`` for the highest p. Matrices then have one
    row per feature, whatever the number of classes.

    Cost: with d directions and k of C classes (C = 1 for a binary problem), O(N D^2 + N C^2 d^2 +
    C^3 d^3) multiply-adds, and O(N k (C d + C k)) for each of 2 n additions; O(N (d + C k) + C^2
    d^2) memory, in float64.

    Args:
        pca: number of principal directions of the features about the origin; None: all D, as in
            the paper.
        classes: number of most probable classes whose information a candidate provides; None: all
            of them, as in the paper.
        binary: whether the information is that of a binary problem; ``classes`` is then not used.
        regularization: weight of the identity in M, above 0; the larger it is, the less annotated
            samples count.

    Raises:
        ConfigurationError: ``pca`` or ``classes`` is not an integer of at least 1, or
            ``regularization`` is not above 0.
        NotEnoughMemoryError: there are too many directions, classes or candidates.
    """

    needs = frozenset({"features", "outputs", "annotated"})

    def __init__(
        self,
        *,
        pca: int | None = 64,
        classes: int | None = None,
        binary: bool = False,
        regularization: float = 1.0,
    ) -> None:
        for name, value in (("pca", pca), ("classes", classes)):
            if value is not None:
                whole = "an integer of at least 1, or None"
                check_number(name, value, whole, lambda k: k >= 1 and k == int(k))
        check_number("regularization", regularization, "a number above 0", lambda value: value > 0)
        self.pca, self.classes, self.regularization = pca, classes, regularization
        self.binary = binary

    def select(self, candidates: Candidates, n: int, generator: Generator) -> Tensor:
        parts = [candidates.prediction, candidates.annotated]
        parts = [part for part in parts if part is not None and len(part)]
        points, *known = (Points((as_matrix(part.features),)) for part in parts)
        known = known[0] if known else None
        p = [part.mean_probabilities.double() for part in parts]
        p = [part.amax(1, keepdim=True) for part in p] if self.binary else p
        self._check_cost(points, p[0].shape[1], n)
        rows = _projected(points, known, self.pca)
        fisher = [information(*pair) for pair in zip(rows, p, strict=True)]
        prior = self.regularization * torch.eye(len(fisher[0])).to(fisher[0])
        prior = sum(fisher[1:], start=prior)
        total = sum(fisher, start=fisher[0].new_zeros(()))
        root = (p[0] * (1 - p[0])).sqrt()[:, None] if self.binary else roots(p[0], self.classes)
        trace = Trace(rows[0], root, prior, total)
        luck = torch.randperm(len(points), generator=generator).to(points.device)
        picks = _added(trace, points, known, min(OVERSAMPLE * n, len(points)), luck)
        picks = _kept(trace, picks, n, luck)
        return completed(torch.tensor(picks, dtype=torch.long), points, known, n, generator)

    def _check_cost(self, points: Points, classes: int, n: int) -> None:
        width = points.factors[0].shape[1]
        d = min(self.pca or width, width)
        kept = min(self.classes or classes, classes)
        nbytes = 8 * (6 * (classes * d) ** 2 + len(points) * (d + kept * (classes + 2 * kept)))
        each = width**2 + (classes * d) ** 2 + 2 * OVERSAMPLE * n * kept * classes * (d + kept)
        what = f"{self!r} with {len(points):,} candidates, {classes:,} classes and {d:,} directions"
        instead = (
            "Use fewer directions and classes, such as pca=16 and classes=2, or choose among the "
            "highest scores, Prefilter(10, BAIT())."
        )
        check_cost(nbytes, len(points) * each + (classes * d) ** 3, points.device, what, instead)

    def __repr__(self) -> str:
        parts = [] if self.pca == 64 else [f"pca={self.pca!r}"]
        parts += [] if self.classes is None else [f"classes={self.classes!r}"]
        parts += ["binary=True"] if self.binary else []
        parts += [] if self.regularization == 1 else [f"regularization={self.regularization!r}"]
        return f"BAIT({', '.join(parts)})"


def _added(
    trace: Trace, points: Points, known: Points | None, number: int, luck: Tensor
) -> list[int]:
    """Up to ``number`` candidates, each of the largest gain at its turn; no two are equal."""
    free = torch.ones(len(points), dtype=torch.bool, device=points.device)
    if known is not None:
        free &= points.reach(known) > 0
    picks: list[int] = []
    while len(picks) < number and bool(free.any()):
        report(len(picks), number)
        gains = trace.change(1).where(free, -torch.inf)
        tied = (gains >= gains.amax() - EQUAL * gains.amax().abs()).nonzero().flatten()
        pick = int(tied[luck[tied].argmin()])
        free[tied[points[tied].equals(points[pick : pick + 1])]] = False
        picks.append(pick)
        if len(picks) < number:
            trace.move(pick, 1)
    return picks


def _kept(trace: Trace, picks: list[int], n: int, luck: Tensor) -> list[int]:
    """Remove picks until n are left, each time the one whose removal raises the trace the least."""
    if len(picks) <= n:
        return picks
    trace = trace.among(picks)
    free = torch.ones(len(picks), dtype=torch.bool, device=luck.device)
    for _ in range(len(picks) - n):
        losses = trace.change(-1).where(free, torch.inf)
        tied = (losses <= losses.amin() + EQUAL * losses.amin().abs()).nonzero().flatten()
        worst = int(tied[luck[picks][tied].argmin()])
        trace.move(worst, -1)
        free[worst] = False
    return [pick for pick, stays in zip(picks, free.tolist(), strict=True) if stays]


def _projected(points: Points, known: Points | None, directions: int | None) -> list[Tensor]:
    """Project all rows onto their common principal directions about the origin, in float64."""
    parts = [part.factors[0] for part in (points, known) if part is not None]
    width = parts[0].shape[1]
    if directions is None or directions >= width:
        return [whole(part).double() for part in parts]
    moment = torch.zeros(width, width, dtype=torch.float64, device=parts[0].device)
    for part in parts:
        for rows in part.split(8192):
            moment += rows.double().T @ rows.double()
    axes = torch.linalg.eigh(moment).eigenvectors[:, -directions:]
    return [
        filled((rows.double() @ axes for rows in part.split(8192)), len(part)) for part in parts
    ]
