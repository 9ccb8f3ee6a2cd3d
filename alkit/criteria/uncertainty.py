"""Uncertainty of one prediction: functions of the class probabilities p, (N, C).

p is the mean over the K posterior samples; p1 >= p2 are the two largest of a row. Each costs
one pass over p, O(N C), and is finite for exact zeros and ones.
"""

from __future__ import annotations

import torch
from torch import Tensor

from alkit.criteria.criterion import Criterion, as_number
from alkit.errors import ConfigurationError
from alkit.prediction import Prediction


class Margin(Criterion):
    """``1 - (p1 - p2)``, in [0, 1]: 1 where the two likeliest classes are equally likely.

    Paper: Scheffer, Decomain & Wrobel 2001, "Active hidden Markov models for information
    extraction". Cost: O(N C).
    """

    def score(self, prediction: Prediction) -> Tensor:
        first, second = prediction.mean_probabilities.topk(2, dim=-1).values.unbind(-1)
        return 1 - (first - second)


class Ratio(Criterion):
    """``p2 / p1``, in [0, 1]: 1 where the two likeliest classes are equally likely.

    Paper: Settles 2009, "Active learning literature survey" (the margin, relative to the
    largest probability). Cost: O(N C).
    """

    def score(self, prediction: Prediction) -> Tensor:
        first, second = prediction.mean_probabilities.topk(2, dim=-1).values.unbind(-1)
        return second / first


class LeastConfidence(Criterion):
    """``1 - p1``, in [0, 1 - 1 / C]: the probability that the guess is wrong.

    Paper: Lewis & Gale 1994, "A sequential algorithm for training text classifiers"; for many
    classes Culotta & McCallum 2005. Cost: O(N C).
    """

    def score(self, prediction: Prediction) -> Tensor:
        return 1 - prediction.mean_probabilities.amax(-1)


class Entropy(Criterion):
    """``-sum p log p`` with 0 log 0 = 0, in [0, log C], in nats.

    Paper: Shannon 1948, "A mathematical theory of communication"; as a criterion, Settles 2009,
    "Active learning literature survey". Cost: O(N C).
    """

    def score(self, prediction: Prediction) -> Tensor:
        return torch.special.entr(prediction.mean_probabilities).sum(-1)


class Constant(Criterion):
    """The same score for every candidate, so that the selector alone decides. Cost: O(N).

    Args:
        value: that score, a finite number.

    Raises:
        ConfigurationError: a value that is no finite number.
    """

    def __init__(self, value: float = 0) -> None:
        number = as_number(value)
        if number is None:
            raise ConfigurationError(f"value must be a number, got {value!r}.")
        self.value = number

    def score(self, prediction: Prediction) -> Tensor:
        return prediction.outputs.new_full((len(prediction),), self.value)

    def __repr__(self) -> str:
        return f"Constant({self.value!r})"
