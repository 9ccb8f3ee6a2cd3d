from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from alkit.criteria.criterion import Criterion
from alkit.criteria.reductions import entropy
from alkit.errors import ConfigurationError, PredictionError
from alkit.prediction import Prediction

SIDE = 2**9  # labels of candidates, and of targets, that are joined at a time on a CPU


class EPIG(Criterion):
    """``mean_t I(y; y_t)``, in [0, log min(K, C)], in nats: what a label would tell of others.

    The expected predictive information gain: over M target inputs, the mutual information of the
    candidate's label y and the target's label y_t, ``H[mean_k p_k] + H[mean_k t_k] -
    H[mean_k p_k t_k']`` of probabilities p of the candidate and t of the target. Where BALD wants
    to know the model, this wants to know what it predicts where that matters. The K posterior
    samples of both must be the same ones, in the same order (of dropout: the same masks). From one
    sample (K = 1) it is zero for every candidate.

    Paper: Bickford Smith, Kirsch, Farquhar, Gal, Foster & Rainforth 2023, "Prediction-oriented
    Bayesian active learning", eq. 5. Cost: N M K C^2 multiply-adds and N M C^2 logarithms; O(1)
    memory beside the targets and the scores.

    Args:
        targets: what the model says of M target inputs; they need no label. A few hundred
            unannotated samples, or inputs of the kind that the model will meet.

    Raises:
        ConfigurationError: targets that are no prediction, or none.
        PredictionError: targets without probabilities; when scoring, candidates of another number
            of samples or classes.
    """

    def __init__(self, targets: Prediction) -> None:
        if not isinstance(targets, Prediction) or not len(targets):
            got = "none" if isinstance(targets, Prediction) else type(targets).__name__
            raise ConfigurationError(
                "EPIG needs what the model says of target inputs, "
                f'Prediction(p, kind="probabilities") of p (M, K, C), got {got}.'
            )
        self.targets = targets.probabilities
        self._certain = entropy(targets.mean_probabilities.double()).mean()

    def score(self, prediction: Prediction) -> Tensor:
        p = prediction.probabilities
        if p.shape[1:] != self.targets.shape[1:]:
            raise PredictionError(
                f"the targets of EPIG are (M, K, C) = {tuple(self.targets.shape)}, the candidates "
                f"(N, K, C) = {tuple(p.shape)}: both must be of the same samples of one model."
            )
        # float64 on an accelerator, whose float32 products may be rounded to ten bits
        dtype = p.dtype if p.device.type == "cpu" else torch.float64
        targets = [_columns(part.to(p.device, dtype)) for part in _parts(self.targets.to(p.device))]
        joint = torch.cat([_joint_entropy(rows.to(dtype), targets) for rows in _parts(p)])
        joint /= len(self.targets)
        own = entropy(prediction.mean_probabilities) + self._certain.to(p)
        return (own - joint.to(p.dtype)).clamp_min(0)

    def __repr__(self) -> str:
        return f"EPIG({len(self.targets)} targets)"


def _parts(p: Tensor) -> Iterator[Tensor]:
    side = SIDE if p.device.type == "cpu" else 2**13
    return iter(p.split(max(1, side // p.shape[-1])))


def _columns(p: Tensor) -> Tensor:
    """``(K, B C)`` of ``(B, K, C)``."""
    return p.transpose(0, 1).reshape(p.shape[1], -1)


def _joint_entropy(p: Tensor, targets: list[Tensor]) -> Tensor:
    """``(B,)`` summed over all targets."""
    ours = _columns(p).T / p.shape[1]
    total = ours.new_zeros(len(p), dtype=torch.float64)
    for theirs in targets:
        total += entropy(ours @ theirs).view(len(p), -1).sum(1)
    return total
