from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Generator, Tensor

from alkit.arguments import check_integer, check_number
from alkit.errors import ConfigurationError
from alkit.hardware import check_cost
from alkit.progress import reported
from alkit.selectors.candidates import Candidates, needed
from alkit.selectors.dropquery import ROWS, check_classes, logits_of
from alkit.selectors.geometry.lazy import filled
from alkit.selectors.geometry.norms import unit_rows
from alkit.selectors.geometry.points import Points
from alkit.selectors.kmeans import medoids
from alkit.selectors.selector import Selector
from alkit.selectors.spaces import as_float

Loss = Literal["error", "log"]

CACHE = 2**18  # values that are computed at a time on a CPU
EXPONENTIAL = 160  # multiply-adds in the time of a target and class
MOST = 0.6  # largest change of a logit by a label, as a share of what overflows: 53 in float32


class ExpectedErrorReduction(Selector):
    """The candidates whose labels lower the expected loss on the pool the most; for linear heads.

    For each label y of a candidate, the last layer is updated in closed form, and the loss of its
    predictions for ``targets`` candidates is estimated by these predictions: ``1 - max p`` or
    the entropy. The mean is weighted by the current probability of y. Roy & McCallum 2001, "Toward
    optimal active learning through sampling estimation of error reduction"; there, a model is
    trained for each candidate and label.

    The update is a Newton step. With features e (and a 1 for the bias), logits z and probabilities
    p, the curvature is ``H = prior I + sum_a s_a e_a e_a'`` over the annotated samples, with
    ``s = max p (1 - max p)``, for all classes alike. With ``k(t, e) = t' H^-1 e``, the label y of e
    changes the logits of t by ``k(t, e) / (1 + s k(e, e)) (onehot(y) - p)``, a last-layer Laplace
    approximation as in Herde et al. 2022, "Fast Bayesian updates for deep learning with a use case
    in active learning".

    The best candidates are often alike. k-means therefore splits the ``shortlist * n`` best into n
    clusters by their decreases of the loss of each target, scaled to norm one, and the nearest to
    each mean is picked, as in Tan, Du & Buntine 2021, "Diversity enhanced active learning with
    strictly proper scoring rules". Picks come in descending order of their gains.

    Cost: O(A D^2 + D^3) for the curvature of A annotated samples, O(N D (D + M)) multiply-adds and
    O(N M C) exponentials for M targets; no model is trained, nor are N M values held. Then
    ``KMeans`` on the shortlist of m in M dimensions, O(m n M). Memory: O(D^2 + M (D + C + m)).

    Args:
        loss: ``"log"``, the entropy, or ``"error"``, the expected error.
        targets: number of candidates whose loss is estimated, drawn at random; None: all of them.
        prior: weight of the identity, above 0: the precision of the prior of the weights, in units
            of the sum, not the mean, of the losses of the annotated samples.
        shortlist: length of the shortlist as a multiple of n, at least 1; with 1, the n best are
            picked.

    Raises:
        ConfigurationError: an argument is out of range, or the head is not linear.
        PredictionError: the head does not return logits (N, C), or those of exclusive classes.
    """

    needs = frozenset({"features", "head", "annotated"})

    def __init__(
        self,
        loss: Loss = "log",
        *,
        targets: int | None = 500,
        prior: float = 1.0,
        shortlist: float = 10.0,
    ) -> None:
        if loss not in get_args(Loss):
            raise ConfigurationError(f'loss must be "log" or "error", got {loss!r}.')
        self.targets = None if targets is None else check_integer("targets", targets)
        check_number("prior", prior, "a number above 0", lambda value: value > 0)
        check_number("shortlist", shortlist, "a number of at least 1", lambda value: value >= 1)
        self.loss: Loss = loss
        self.prior, self.shortlist = prior, shortlist

    def select(self, candidates: Candidates, n: int, generator: Generator) -> Tensor:
        updates, features = self._updates(candidates, generator), candidates.features
        parts = (part.mean(1, dtype=torch.float64) for part in updates.of(features))
        gains = filled(parts, len(features))
        luck = torch.rand(len(gains), generator=generator, dtype=torch.float64).to(gains.device)
        gains += torch.finfo(updates.z.dtype).eps * luck  # what rounding alone tells apart
        best = gains.argsort(descending=True)[: math.ceil(self.shortlist * n - 1e-9)]
        if len(best) <= n or n == 1:
            return best[:n]
        decreases = Points((unit_rows(torch.cat([*updates.of(features[best])])),))
        picks = best[medoids(decreases, None, n, generator).to(best.device)]
        return picks[gains[picks].argsort(descending=True)]

    def gains(self, candidates: Candidates, generator: Generator) -> Tensor:
        """``(N,)`` float64 expected decrease of the mean loss of the targets by each label."""
        updates = self._updates(candidates, generator)
        parts = updates.of(candidates.features)
        return filled((part.mean(1, dtype=torch.float64) for part in parts), len(candidates))

    @torch.no_grad()
    def _updates(self, candidates: Candidates, generator: Generator) -> _Updates:
        head, features = needed(candidates.head, "head"), candidates.features
        check_classes(self, candidates)
        _check_linear(head, features)
        number = min(self.targets or len(features), len(features))
        chosen = torch.randperm(len(features), generator=generator)[:number].sort().values
        self._check_cost(features, number, logits_of(head, features[:1]).shape[1])
        targets = features[chosen.to(features.device)]
        root = self._root(candidates, head)
        z = _logits(head, targets).log_softmax(1)
        return _Updates(head, root, _whitened(targets, root), z, self.loss)

    def _check_cost(self, features: Tensor, targets: int, classes: int) -> None:
        N, D = features.shape
        nbytes = 4 * targets * D
        what = f"{self!r} of {N:,} candidates"
        instead = "Use fewer targets, or Prefilter(10, ExpectedErrorReduction())."
        products = N * (D * (D + targets) + EXPONENTIAL * targets * classes)
        check_cost(nbytes, products, features.device, what, instead)

    def _root(self, candidates: Candidates, head: Callable[[Tensor], Tensor]) -> Tensor:
        """``(D + 1, D + 1)`` inverse of the lower factor of the curvature."""
        width = candidates.features.shape[1] + 1
        eye = torch.eye(width, dtype=torch.float64, device=candidates.features.device)
        curvature = self.prior * eye
        known = candidates.annotated
        if known is not None and len(known):
            theirs = needed(known.features, "features")
            for part in theirs.split(8192):
                weights = _curvature(_logits(head, part).double().softmax(1))
                rows = _with_ones(part).double()
                curvature += rows.T @ (rows * weights[:, None])
        factor = torch.linalg.cholesky(curvature)
        return torch.linalg.solve_triangular(factor, eye, upper=False)

    def __repr__(self) -> str:
        parts = [] if self.loss == "log" else [repr(self.loss)]
        parts += [] if self.targets == 500 else [f"targets={self.targets}"]
        parts += [] if self.prior == 1 else [f"prior={self.prior}"]
        parts += [] if self.shortlist == 10 else [f"shortlist={self.shortlist}"]
        return f"ExpectedErrorReduction({', '.join(parts)})"


@dataclass(frozen=True, eq=False)
class _Updates:
    """Updates of the last layer by a label, and what they do to M targets.

    Attributes:
        head: the head.
        root: ``(D + 1, D + 1)`` inverse of the lower factor of the curvature.
        targets: ``(M, D + 1)`` features of the targets, whitened.
        z: ``(M, C)`` log probabilities of the targets.
        loss: the loss.
    """

    head: Callable[[Tensor], Tensor]
    root: Tensor
    targets: Tensor
    z: Tensor
    loss: Loss

    @torch.no_grad()
    def of(self, features: Tensor) -> Iterator[Tensor]:
        """Decreases ``(B, M)`` of the loss of each target by a label, for blocks of candidates."""
        now = _losses(self.z[None], self.loss)
        most = MOST * math.log(torch.finfo(self.z.dtype).max)
        size = max(1, CACHE // self.z.numel()) if features.device.type == "cpu" else 64
        for block in reported(features.split(max(size, ROWS))):
            rows, every = _whitened(block, self.root), _logits(self.head, block).softmax(1)
            for own, p in zip(rows.split(size), every.split(size), strict=True):
                spread = 1 + _curvature(p)[:, None] * own.square().sum(1, keepdim=True)
                steps = (own @ self.targets.T / spread).clamp_(-most, most)
                yield now - _expected_losses(self.z, p, steps, self.loss)


def _check_linear(head: Callable[[Tensor], Tensor], features: Tensor) -> None:
    rows = features[:8]
    zero, ours, back = (logits_of(head, x).double() for x in (0 * rows, rows, -rows / 2))
    error = (back - zero + (ours - zero) / 2).abs().amax()
    if error > 0.02 * (1 + (ours - zero).abs().amax()):
        raise ConfigurationError(
            "ExpectedErrorReduction updates a linear last layer, and the head is not linear in the "
            'features: name its input with features="layer.path" of the strategy, and the layer '
            'with head="layer.path", or pass both to al.select.'
        )


def _logits(head: Callable[[Tensor], Tensor], features: Tensor) -> Tensor:
    """``(M, C)`` logits in the type of the features, at least float32."""
    return torch.cat([as_float(logits_of(head, part)) for part in features.split(ROWS)])


def _with_ones(features: Tensor) -> Tensor:
    rows = as_float(features)
    return torch.cat([rows, rows.new_ones(len(rows), 1)], dim=1)


def _whitened(features: Tensor, root: Tensor) -> Tensor:
    """Rows whose inner products are ``k``."""
    rows = _with_ones(features)
    return rows @ root.T.to(rows.dtype)


def _curvature(p: Tensor) -> Tensor:
    highest = p.amax(1)
    return highest * (1 - highest)


def _losses(z: Tensor, loss: Loss) -> Tensor:
    """Loss ``(B, M)`` that log probabilities ``(B, M, C)`` expect of themselves."""
    p = z.exp()
    return 1 - p.amax(-1) if loss == "error" else torch.special.entr(p).sum(-1)


def _expected_losses(z: Tensor, p: Tensor, steps: Tensor, loss: Loss) -> Tensor:
    """``(B, M)`` losses on M targets after a label of each of B candidates, over its labels.

    Args:
        z: ``(M, C)`` log probabilities of the targets.
        p: ``(B, C)`` probabilities of the labels.
        steps: ``(B, M)`` change of the logit of the label, relative to the others.
        loss: the loss.

    The label changes one of the C exponentials of the softmax, so that all labels together take 2 C
    of them.
    """
    steps = steps[..., None]
    a = z - steps * p[:, None]  # the logits before the step toward the label
    a -= a.amax(-1, keepdim=True) + steps.clamp(min=0)
    before, after = a.exp(), (a + steps).exp()
    highest, top = before.max(-1, keepdim=True)
    lower = before.scatter(-1, top, 0)
    # the sum of the others, without the cancellation of a difference for the highest
    rest = (before.sum(-1, keepdim=True) - before).scatter_(-1, top, lower.sum(-1, keepdim=True))
    total = rest + after
    if loss == "error":
        others = highest.expand_as(before).scatter(-1, top, lower.amax(-1, keepdim=True))
        losses = 1 - torch.maximum(others, after) / total
    else:
        sums = (before * a).sum(-1, keepdim=True) - before * a + after * (a + steps)
        losses = total.log() - sums / total
    return (losses * p[:, None]).sum(-1)
