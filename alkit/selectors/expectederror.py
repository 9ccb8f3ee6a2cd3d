from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, get_args

import torch
from torch import Generator, Tensor

from alkit.arguments import check_integer, check_number
from alkit.errors import ConfigurationError
from alkit.selectors.candidates import Candidates, needed
from alkit.selectors.dropquery import ROWS, logits_of
from alkit.selectors.selector import Selector
from alkit.selectors.spaces import as_float

Loss = Literal["error", "log"]

CACHE = 2**18  # values that are computed at a time on a CPU
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

    Each pick is the best on its own, so those of a batch may be alike: for batches,
    ``Prefilter(10, KCenter(), by=ExpectedErrorReduction())``. Candidates whose gains differ by
    rounding only come in random order.

    Cost: O(A D^2 + D^3) for the curvature of A annotated samples, O(N D (D + M)) multiply-adds and
    O(N M C) exponentials for M targets; no model is trained, nor are N M values held. Memory:
    O(D^2 + M (D + C) + N C).

    Args:
        loss: ``"error"``, the expected error, or ``"log"``, the expected entropy.
        targets: number of candidates whose loss is estimated, drawn at random; None: all of them.
        prior: weight of the identity, above 0: the precision of the prior of the weights, in units
            of the sum, not the mean, of the losses of the annotated samples.

    Raises:
        ConfigurationError: an argument is out of range, or the head is not linear.
        PredictionError: the head does not return logits (N, C).
    """

    needs = frozenset({"features", "head", "annotated"})

    def __init__(
        self, loss: Loss = "error", *, targets: int | None = 500, prior: float = 1.0
    ) -> None:
        if loss not in get_args(Loss):
            raise ConfigurationError(f'loss must be "error" or "log", got {loss!r}.')
        self.targets = None if targets is None else check_integer("targets", targets)
        check_number("prior", prior, "a number above 0", lambda value: value > 0)
        self.loss: Loss = loss
        self.prior = prior

    def select(self, candidates: Candidates, n: int, generator: Generator) -> Tensor:
        gains = self.gains(candidates, generator)
        luck = torch.rand(len(gains), generator=generator, dtype=torch.float64).to(gains.device)
        slack = torch.finfo(as_float(candidates.features[:1]).dtype).eps
        return (gains + slack * luck).argsort(descending=True)[:n]

    @torch.no_grad()
    def gains(self, candidates: Candidates, generator: Generator) -> Tensor:
        """``(N,)`` float64 expected decrease of the mean loss of the targets by each label."""
        head, features = needed(candidates.head, "head"), candidates.features
        _check_linear(head, features)
        logits = _logits(head, features)
        root = self._root(candidates, head)
        number = min(self.targets or len(features), len(features))
        chosen = torch.randperm(len(features), generator=generator)[:number].sort().values
        chosen = chosen.to(features.device)
        targets, z = _whitened(features[chosen], root), logits[chosen].log_softmax(1)
        now = _losses(z[None], self.loss)[0]
        most = MOST * math.log(torch.finfo(z.dtype).max)
        size = max(1, CACHE // z.numel()) if features.device.type == "cpu" else 64
        found = []
        for block, own in zip(features.split(size), logits.split(size), strict=True):
            p = own.softmax(1)
            rows = _whitened(block, root)
            spread = 1 + _curvature(p)[:, None] * rows.square().sum(1, keepdim=True)
            steps = (rows @ targets.T / spread).clamp_(-most, most)
            after = _expected_losses(z, p, steps, self.loss)
            found.append((now - after).mean(1, dtype=torch.float64))
        return torch.cat(found)

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
        parts = [] if self.loss == "error" else [repr(self.loss)]
        parts += [] if self.targets == 500 else [f"targets={self.targets}"]
        parts += [] if self.prior == 1 else [f"prior={self.prior}"]
        return f"ExpectedErrorReduction({', '.join(parts)})"


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
