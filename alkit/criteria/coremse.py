"""CoreMSE: expected change of predictions elsewhere by a label."""

from __future__ import annotations

import torch
from torch import Tensor

from alkit.criteria.epig import EPIG
from alkit.prediction import Prediction


class CoreMSE(EPIG):
    """BEMPS with the squared error: expected change of the predictions for other inputs.

    ``mean_t sum_y p_y |q_t(. | y) - q_t|^2``, in [0, 1], unitless: over M target inputs t, the
    squared change of their predictive probabilities q by the candidate's label y. It is the
    expected increase of a strictly proper score, the negative squared error. ``EPIG`` is the same
    with the log probability as score (CoreLog). The K posterior samples of both must be the same
    ones, in the same order, as by ``MCDropout`` or ``Ensemble``. One sample (K = 1) is a
    PredictionError.

    Paper: Tan, Du & Buntine 2021, "Diversity enhanced active learning with strictly proper scoring
    rules". Cost: a forward pass over the targets, then O((M + N) C K^2) multiply-adds;
    memory: M K C, and O(1) beside the scores.

    Args:
        targets, num_targets: see ``EPIG``.

    Raises:
        ConfigurationError, PredictionError: see ``EPIG``.
    """

    def score(self, prediction: Prediction) -> Tensor:
        p, known = self._samples(prediction)
        wide = known.to(p.device, torch.float64)
        moved = (wide - wide.mean(1, keepdim=True)).transpose(0, 1).flatten(1)
        products = moved @ moved.T / len(wide)  # (K, K), of deviations from the mean
        ours = p.double().transpose(1, 2) / p.shape[1]
        squares = ((ours @ products) * ours).sum(-1).clamp_(min=0)
        mean = ours.sum(-1)
        return (squares / mean.clamp(min=torch.finfo(mean.dtype).tiny)).sum(1).to(p.dtype)
