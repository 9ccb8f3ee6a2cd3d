"""Criteria for regression: functions of the values y_k of K posterior samples, (N, K, C).

Means and standard deviations are taken over the samples (divided by K). ``ExpectedImprovement``,
``UpperConfidenceBound`` and ``Thompson`` search for large values of one target (C = 1).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from alkit.arguments import check_integer, check_number
from alkit.criteria import needs
from alkit.criteria.context import Context, as_context
from alkit.criteria.criterion import Criterion, as_number
from alkit.errors import ConfigurationError, PredictionError
from alkit.prediction import Prediction, one_sample

TINY = 1e-30  # variances below this are as good as zero


class Variance(Criterion):
    """``mean_c var_k y_kc``, at least 0, in squared units of the target; needs K > 1.

    The variance of a committee's predictions (query by committee for regression). Several targets
    count in their units: scale them first if these differ.

    Paper: RayChaudhuri & Hamey 1995, "Minimisation of data collection by active learning";
    Burbidge, Rowland & King 2007, "Active learning for regression based on query by committee".
    Cost: O(N K C).
    """

    disagreement = True

    def score(self, prediction: Prediction) -> Tensor:
        y = needs.values(self, prediction)
        exact = y.double()  # a mean in float32 is rounded to the size of the values
        return (exact - exact.mean(1, keepdim=True)).square_().mean((1, 2)).to(y.dtype)


class RegressionBALD(Criterion):
    """Information of a value about the model, at least 0, in nats; needs K > 1.

    ``sum_c (log(mean_k v_kc + var_k m_kc) - mean_k log v_kc) / 2`` for normal distributions of mean
    m and variance v: the entropy of a normal with the variance of all K, minus their mean entropy.
    ``Variance()`` prefers values that are noisy; this, values whose mean the model does not know.

    Paper: Houlsby, Huszar, Ghahramani & Lengyel 2011, "Bayesian active learning for classification
    and preference learning", eq. 2; of networks that return a variance, Depeweg, Hernandez-Lobato,
    Doshi-Velez & Udluft 2018, "Decomposition of uncertainty in Bayesian deep learning". The entropy
    of the mixture is that of a normal, an upper bound. Cost: O(N K C).

    Args:
        noise: standard deviation of the noise, above 0, if the model returns no variances (see
            ``Prediction.regression``). Of one target, the order does not depend on it.

    Raises:
        ConfigurationError: ``noise`` is not above 0.
        PredictionError: a single normal distribution per sample, without posterior samples.
    """

    disagreement = True

    def __init__(self, noise: float = 1.0) -> None:
        check_number("noise", noise, "a number above 0", lambda value: value > 0)
        self.noise = noise

    def score(self, prediction: Prediction) -> Tensor:
        y = needs.values(self, prediction)
        mean, noise = y.double(), torch.tensor(float(self.noise) ** 2, dtype=torch.float64)
        if prediction.normal:
            low, high = mean.chunk(2, 1)
            mean, noise = (low + high) / 2, ((high - low) / 2).square_()
            if mean.shape[1] == 1:
                raise PredictionError(one_sample(self))
        noise = noise.to(mean.device).clamp(min=TINY).expand_as(mean)
        average = noise.mean(1)
        spread = (mean - mean.mean(1, keepdim=True)).square_().mean(1)
        gain = (spread / average).log1p_() + average.log() - noise.log().mean(1)
        return (gain.sum(1) / 2).clamp_(min=0).to(y.dtype)

    def __repr__(self) -> str:
        return f"RegressionBALD({'' if self.noise == 1 else self.noise})"


class ExpectedImprovement(Criterion):
    """``E max(y - best, 0)`` for normal y with mean m and deviation s: at least 0, in units of y.

    Equals ``s * (phi(z) + z * Phi(z))`` with ``z = (m - best) / s``, or ``max(m - best, 0)`` if s
    is 0. Computed and returned in float64, in a form that does not cancel far below the best
    (Ament et al. 2023, "Unexpected improvements to expected improvement for Bayesian
    optimization", eq. 9): it decreases down to ``z = -38``, where it underflows to 0.

    Paper: Mockus, Tiesis & Zilinskas 1978, "The application of Bayesian methods for seeking the
    extremum"; in closed form, Jones, Schonlau & Welch 1998, "Efficient global optimization of
    expensive black-box functions", eq. 15. Cost: O(N K).

    Args:
        best: best value known so far.
        maximize: True if larger is better; if False, the improvement is ``best - y``.

    Raises:
        ConfigurationError: ``best`` is not a finite number.
    """

    def __init__(self, best: float, maximize: bool = True) -> None:
        self.best = _number("best", best)
        self.maximize = maximize

    def score(self, prediction: Prediction) -> Tensor:
        mean, deviation = _mean_and_deviation(needs.one_value(self, prediction).double())
        gain = mean - self.best if self.maximize else self.best - mean
        spread = deviation.clamp_min(1e-12 * gain.abs().clamp_min(1e-200))
        return torch.where(
            deviation < spread, gain.clamp_min(0), spread * _standard_improvement(gain / spread)
        )

    def __repr__(self) -> str:
        minimize = "" if self.maximize else ", maximize=False"
        return f"ExpectedImprovement({self.best!r}{minimize})"


class UpperConfidenceBound(Criterion):
    """``m + beta * s``, in the units of the target: an optimistic estimate of its value.

    To minimize, query the smallest lower bounds: ``-UpperConfidenceBound(-beta)``.

    Paper: Auer 2002, "Using confidence bounds for exploitation-exploration trade-offs"; Srinivas,
    Krause, Kakade & Seeger 2010, "Gaussian process optimization in the bandit setting", eq. 6
    (beta here is the square root of theirs). Cost: O(N K).

    Args:
        beta: number of standard deviations above the mean.

    Raises:
        ConfigurationError: ``beta`` is not a finite number.
    """

    def __init__(self, beta: float) -> None:
        self.beta = _number("beta", beta)

    def score(self, prediction: Prediction) -> Tensor:
        mean, deviation = _mean_and_deviation(needs.one_value(self, prediction))
        return mean + self.beta * deviation

    def __repr__(self) -> str:
        return f"UpperConfidenceBound({self.beta!r})"


class Thompson(Criterion):
    """``y_k`` of one posterior sample k, the same for all candidates, in the target's units.

    A candidate ranks first with the posterior probability that it is the best. The samples take
    turns: round r uses sample ``r mod K``, of normal distributions its mean. To minimize, use
    ``-Thompson()``.

    Paper: Thompson 1933, "On the likelihood that one unknown probability exceeds another in view
    of the evidence of two samples". Cost: O(N).

    Args:
        sample: index k of the sample, 0 or above, taken modulo K.

    Raises:
        ConfigurationError: ``sample`` is not an integer of at least 0.
    """

    def __init__(self, sample: int = 0) -> None:
        self.sample = check_integer("sample", sample, 0)

    def score(self, prediction: Prediction) -> Tensor:
        y = needs.one_value(self, prediction)
        if prediction.normal:
            y = (y[:, : y.shape[1] // 2] + y[:, y.shape[1] // 2 :]) / 2  # their noise is not drawn
        return y[:, self.sample % y.shape[1]]

    def at(self, context: Context) -> Criterion:
        return Thompson(as_context(context).round)

    def __repr__(self) -> str:
        return f"Thompson({self.sample or ''})"


def _standard_improvement(z: Tensor) -> Tensor:
    """``phi(z) + z Phi(z)``, in float64 and without cancellation."""
    density = torch.exp(-z.square() / 2) / math.sqrt(2 * math.pi)
    # below 0, z Phi(z) / phi(z) = -|z| sqrt(pi / 2) erfcx(|z| / sqrt 2), which approaches -1
    tail = math.sqrt(math.pi / 2) * z.abs() * torch.special.erfcx(z.abs() / math.sqrt(2))
    return torch.where(z < -1, density * (1 - tail), density + z * torch.special.ndtr(z))


def _mean_and_deviation(y: Tensor) -> tuple[Tensor, Tensor]:
    mean = y.mean(1)
    return mean, (y - mean[:, None]).square_().mean(1).sqrt_()


def _number(name: str, value: float) -> float:
    number = as_number(value)
    if number is None:
        raise ConfigurationError(f"{name} must be a number, got {value!r}.")
    return number
