"""Disagreement of posterior samples: functions of the probabilities p_k, over the K axis.

Posterior samples are passes of a network with dropout, members of an ensemble, or draws from any
other posterior. With one sample (K = 1), nothing can disagree: ``BALD``, ``VoteEntropy`` and
``MeanStd`` raise a PredictionError.

Two criteria for committees have other names here. Consensus entropy (also called soft vote
entropy), the entropy of the members' mean, is ``Entropy``. The divergence of the members from
their consensus, ``mean_k KL(p_k, mean_j p_j)`` of McCallum & Nigam 1998, "Employing EM and
pool-based active learning for text classification", equals ``BALD``.
"""

from __future__ import annotations

import torch
from torch import Tensor

from alkit.criteria.criterion import Criterion
from alkit.criteria.reductions import entropy, small_in_float64
from alkit.prediction import Prediction


class BALD(Criterion):
    """``H[mean_k p_k] - mean_k H[p_k]``, in [0, log min(K, C)], in nats.

    Mutual information between the label and the model: high where the samples are certain and
    contradict each other, zero where they agree, however uncertain they are. Values below 1e-3 are
    computed in float64; those that rounding makes negative become zero. For a committee, this is
    the divergence of its members from their consensus, ``mean_k KL(p_k, mean_j p_j)``.

    Paper: Houlsby, Huszár, Ghahramani & Lengyel 2011, "Bayesian active learning for
    classification and preference learning", eq. 2; with dropout, Gal, Islam & Ghahramani 2017.
    Cost: O(N K C).
    """

    disagreement = True

    def score(self, prediction: Prediction) -> Tensor:
        p = prediction.probabilities
        information = _information(p, prediction.mean_probabilities)
        return small_in_float64(information, 1e-3, lambda rows: _information(p[rows].double()))


class VariationRatio(Criterion):
    """``1 - max_c mean_k p_kc``, in [0, 1 - 1 / C]: probability outside the samples' common guess.

    Computed from the mean probability rather than from votes, which are coarse for small K. It
    therefore equals ``LeastConfidence``; this is its name for posterior samples.

    Paper: Freeman 1965, "Elementary applied statistics"; with the mean probability, Gal, Islam &
    Ghahramani 2017, "Deep Bayesian active learning with image data". Cost: O(N K C).
    """

    def score(self, prediction: Prediction) -> Tensor:
        return 1 - prediction.mean_probabilities.amax(-1)


class VoteEntropy(Criterion):
    """``-sum_c v_c log v_c`` of the vote shares v, in [0, log min(K, C)], in nats.

    Each sample votes for its most likely class (the first one in a tie). A small committee gives
    few distinct values, so many candidates are tied; ``Entropy`` also reflects how certain each
    vote is.

    Paper: Dagan & Engelson 1995, "Committee-based sampling for training probabilistic
    classifiers", section 4 (not divided by log K). Cost: O(N K C).
    """

    disagreement = True

    def score(self, prediction: Prediction) -> Tensor:
        p = prediction.probabilities
        votes = p.argmax(-1)  # (N, K)
        counts = p.new_zeros(len(p), p.shape[2])
        counts.scatter_add_(1, votes, torch.ones_like(votes, dtype=p.dtype))
        return entropy(counts / p.shape[1]).clamp_min(0)


class MeanStd(Criterion):
    """``mean_c sd_k p_kc``, in [0, 0.5]: spread of the samples (divided by K, not K - 1).

    Paper: Kampffmeyer, Salberg & Jenssen 2016, "Semantic segmentation of small objects and
    modeling of uncertainty in urban remote sensing images"; as a criterion, Gal, Islam &
    Ghahramani 2017. Cost: O(N K C).
    """

    disagreement = True

    def score(self, prediction: Prediction) -> Tensor:
        mean = prediction.mean_probabilities[:, None]
        variance = (prediction.probabilities - mean).square_().mean(1)
        return variance.sqrt_().mean(-1)


def _information(p: Tensor, mean: Tensor | None = None) -> Tensor:
    """``H[mean_k p_k] - mean_k H[p_k]``, ``(N,)``; slightly negative by rounding."""
    within = entropy(p.flatten(1)) / p.shape[1]
    return entropy(p.mean(1) if mean is None else mean) - within
