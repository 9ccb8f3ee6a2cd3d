"""Uncertainty of a single prediction: functions of the class probabilities p, ``(N, C)``.

p is the mean over the K posterior samples; p1 >= p2 are the two largest entries of a row. Each
criterion costs one pass over p, O(N C), and is finite for exact zeros and ones.
"""

from __future__ import annotations

import torch
from torch import Tensor

from alkit.criteria import needs
from alkit.criteria.criterion import Criterion, as_number
from alkit.criteria.reductions import entropy_of_rows, largest, top_two
from alkit.errors import ConfigurationError, PredictionError
from alkit.prediction import Prediction, held_by


class Margin(Criterion):
    """``1 - (p1 - p2)``, in [0, 1]: 1 if the two most likely classes are equally likely.

    Paper: Scheffer, Decomain & Wrobel 2001, "Active hidden Markov models for information
    extraction". Cost: O(N C).
    """

    def score(self, prediction: Prediction) -> Tensor:
        first, second = top_two(prediction.mean_probabilities)
        return 1 - (first - second)


class Ratio(Criterion):
    """``p2 / p1``, in [0, 1]: 1 if the two most likely classes are equally likely.

    Paper: Settles 2009, "Active learning literature survey" (the margin relative to the
    largest probability). Cost: O(N C).
    """

    def score(self, prediction: Prediction) -> Tensor:
        first, second = top_two(prediction.mean_probabilities)
        return second / first


class LeastConfidence(Criterion):
    """``1 - p1``, in [0, 1 - 1 / C]: the probability that the guess is wrong.

    Paper: Lewis & Gale 1994, "A sequential algorithm for training text classifiers"; for many
    classes, Culotta & McCallum 2005. Cost: O(N C).
    """

    def score(self, prediction: Prediction) -> Tensor:
        return 1 - largest(prediction.mean_probabilities)


class Entropy(Criterion):
    """``-sum p log p`` with 0 log 0 = 0, in [0, log C], in nats.

    With posterior samples, p is their mean: this is the max-entropy criterion of Gal, Islam &
    Ghahramani 2017, "Deep Bayesian active learning with image data", the entropy of the mean and
    not the mean of the entropies.

    Paper: Shannon 1948, "A mathematical theory of communication"; as a criterion, Settles 2009,
    "Active learning literature survey". Cost: O(N K C).
    """

    def score(self, prediction: Prediction) -> Tensor:
        return entropy_of_rows(prediction.mean_probabilities)


class MinEntropy(Criterion):
    """``-log p1``, in [0, log C], in nats: the surprise if the guess is right.

    Orders candidates as ``LeastConfidence`` does, and differs in sums and means: over the tokens of
    a text, ``Each(MinEntropy())`` is minus the normalized log-probability of the most likely tags
    (MNLP), and ``Each(MinEntropy(), "sum")`` that of the whole sequence.

    Paper: as the mean over tokens, Shen, Yun, Lipton, Kronrod & Anandkumar 2018, "Deep active
    learning for named entity recognition", section 4. Cost: O(N C).
    """

    def score(self, prediction: Prediction) -> Tensor:
        return -largest(prediction.mean_probabilities).log()


class Energy(Criterion):
    """``-T log sum_c exp(z_c / T)`` of the logits z: high for inputs unlike the training data.

    Unbounded, in the units of the logits, averaged over the K posterior samples. Unlike a function
    of probabilities, it changes when a constant is added to the logits. A single column z, of two
    classes or of a label, counts as ``(-z / 2, z / 2)``, so that yes and no are alike.

    Paper: Liu, Wang, Owens & Li 2020, "Energy-based out-of-distribution detection", eq. 4.
    Cost: O(N K C).

    Args:
        temperature: T, a number above 0.

    Raises:
        ConfigurationError: ``temperature`` is not a number above 0.
    """

    def __init__(self, temperature: float = 1) -> None:
        number = as_number(temperature)
        if number is None or number <= 0:
            raise ConfigurationError(f"temperature must be a number above 0, got {temperature!r}.")
        self.temperature = number

    def score(self, prediction: Prediction) -> Tensor:
        z = needs.logits(self, prediction)
        if prediction.outputs is not None and prediction.outputs.shape[-1] == 1:
            z = z - z.mean(-1, keepdim=True)
        if len(z) > 1 and (z.logsumexp(-1).abs() < 1e-4).all():
            raise PredictionError(
                f"{self!r} is 0 for every candidate: the outputs are log-probabilities, as from a "
                "log_softmax. Return the logits before it."
            )
        return -self.temperature * (z / self.temperature).logsumexp(-1).mean(1)

    def __repr__(self) -> str:
        return f"Energy({'' if self.temperature == 1 else repr(self.temperature)})"


class Constant(Criterion):
    """Same score for every candidate, so that the selector alone decides. Cost: O(N).

    Args:
        value: the score, a finite number.

    Raises:
        ConfigurationError: ``value`` is not a finite number.
    """

    scores_rows = False  # the same for samples without rows

    def __init__(self, value: float = 0) -> None:
        number = as_number(value)
        if number is None:
            raise ConfigurationError(f"value must be a number, got {value!r}.")
        self.value = number

    def score(self, prediction: Prediction) -> Tensor:
        held = held_by(prediction)
        dtype = torch.promote_types(held.dtype, torch.float32)
        return torch.full((len(prediction),), self.value, dtype=dtype, device=held.device)

    def __repr__(self) -> str:
        return f"Constant({self.value!r})"
