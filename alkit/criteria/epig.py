"""EPIG: information of a label about predictions elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sized
from typing import TypeGuard

import numpy as np
import torch
from torch import Tensor

from alkit.arguments import check_integer
from alkit.criteria.context import Context, as_context
from alkit.criteria.criterion import Criterion
from alkit.criteria.reductions import entropy, small_in_float64
from alkit.errors import ConfigurationError, PredictionError
from alkit.prediction import Prediction

SIDE = 2**9  # labels of candidates, and of targets, that are joined at a time on a CPU


class EPIG(Criterion):
    """Expected predictive information gain: the information of a label about other predictions.

    ``mean_t I(y; y_t)``, in [0, log min(K, C)], in nats: over M target inputs, the mutual
    information of the candidate's label y and the target's label y_t, ``H[mean_k p_k] +
    H[mean_k t_k] - H[mean_k p_k t_k']`` of probabilities p of the candidate and t of the target.
    BALD asks for information about the model, EPIG for information about its predictions where
    they matter. The K posterior samples of both must be the same ones, in the same order (for
    dropout: the same masks, as by ``MCDropout``). One sample (K = 1) is a PredictionError. Values
    below 1e-4 are computed in float64.

    In a strategy the targets are drawn and predicted anew for each query; they need no label.

    Paper: Bickford Smith, Kirsch, Farquhar, Gal, Foster & Rainforth 2023, "Prediction-oriented
    Bayesian active learning", eq. 5 and section 5. Cost: a forward pass over the targets, then
    N M K C^2 multiply-adds and N M C^2 logarithms; memory: M K C, and O(1) beside the scores.

    Args:
        targets: the inputs whose predictions matter: ``"unannotated"``, where the pool looks like
            what the model will meet; a dataset or a pool; or a Prediction of M target inputs.
        num_targets: the largest number of targets, drawn for each query. A Prediction is used
            whole.

    Raises:
        ConfigurationError: the targets are none of these, or empty; or ``num_targets`` is not an
            integer of at least 1.
        PredictionError: the targets have no probabilities; when scoring, the candidates have
            another number of posterior samples or classes.
    """

    disagreement = True

    def __init__(self, targets: object = "unannotated", num_targets: int = 200) -> None:
        num_targets = check_integer("num_targets", num_targets)
        known, default = isinstance(targets, Prediction), _is_default(targets)
        if not default and not (_is_dataset(targets) and len(targets)):
            got = "none" if hasattr(targets, "__len__") else type(targets).__name__
            name = type(self).__name__
            raise ConfigurationError(
                f'{name} needs target inputs: a dataset, a pool, "unannotated", or their '
                f'Prediction(p, kind="probabilities") of p (M, K, C); got {got}.'
            )
        self.num_targets = num_targets
        self.samples = None if known or default else targets
        self.targets: Tensor | None = None
        if isinstance(targets, Prediction):
            self.targets = targets.probabilities
            p = targets.probabilities.double()
            self._certain = entropy((p / p.sum(-1, keepdim=True)).mean(1)).mean()

    def at(self, context: Context) -> Criterion:
        if self.targets is not None:
            return self
        return type(self)(as_context(context).draw(self.num_targets, "targets", self.samples))

    def score(self, prediction: Prediction) -> Tensor:
        p, targets = self._samples(prediction)
        # float64 on an accelerator, whose float32 products may be rounded to ten bits
        dtype = p.dtype if p.device.type == "cpu" else torch.float64
        known = targets.to(p.device)
        information = self._information(p, known, dtype).to(p.dtype)
        return small_in_float64(
            information, 1e-4, lambda rows: self._information(p[rows], known, torch.float64)
        )

    def _samples(self, prediction: Prediction) -> tuple[Tensor, Tensor]:
        """Probabilities of the candidates ``(N, K, C)`` and of the targets ``(M, K, C)``."""
        name = type(self).__name__
        if self.targets is None:
            raise ConfigurationError(
                f"{self!r} has not predicted its targets: give it to a Strategy, which does so "
                f"before each query, or give {name} a Prediction of the targets."
            )
        p = prediction.probabilities
        if p.shape[1:] != self.targets.shape[1:]:
            raise PredictionError(
                f"the targets of {name} are (M, K, C) = {tuple(self.targets.shape)}, the "
                f"candidates (N, K, C) = {tuple(p.shape)}: both must be of the same samples of "
                "one model."
            )
        return p, self.targets

    def _information(self, p: Tensor, known: Tensor, dtype: torch.dtype) -> Tensor:
        """``H[y] + mean_t H[y_t] - mean_t H[y, y_t]``, ``(N,)``; slightly negative by rounding."""
        if dtype == torch.float64:  # float32 rows sum to one up to 1e-7, as large as small gains
            p, known = (rows.double() / rows.double().sum(-1, keepdim=True) for rows in (p, known))
        targets = [_columns(part.to(dtype)) for part in _parts(known)]
        joint = torch.cat([_joint_entropy(rows, targets) for rows in _parts(p)]) / len(known)
        return entropy(p.mean(1)) + self._certain.to(p) - joint.to(dtype)

    def __repr__(self) -> str:
        if self.targets is not None:
            return f"{type(self).__name__}({len(self.targets)} targets)"
        samples = "" if self.samples is None else type(self.samples).__name__
        return f"{type(self).__name__}({samples})"


def _is_default(targets: object) -> bool:
    return isinstance(targets, str) and targets == "unannotated"


def _is_dataset(targets: object) -> TypeGuard[Sized]:
    parts = ("__len__", "__getitem__")
    plain = isinstance(targets, str | Tensor | np.ndarray)  # inputs or probabilities: unclear
    return not plain and all(hasattr(targets, part) for part in parts)


def _parts(p: Tensor) -> Iterator[Tensor]:
    side = SIDE if p.device.type == "cpu" else 2**13
    return iter(p.split(max(1, side // p.shape[-1])))


def _columns(p: Tensor) -> Tensor:
    """``(K, B C)`` of ``(B, K, C)``."""
    return p.transpose(0, 1).reshape(p.shape[1], -1)


def _joint_entropy(p: Tensor, targets: list[Tensor]) -> Tensor:
    """Joint entropies ``(B,)``, summed over all targets."""
    ours = _columns(p).T / p.shape[1]
    total = ours.new_zeros(len(p), dtype=torch.float64)
    for theirs in targets:
        total += entropy(ours @ theirs).view(len(p), -1).sum(1)
    return total
