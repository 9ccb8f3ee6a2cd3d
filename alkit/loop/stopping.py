"""Stopping criteria: functions of the records so far that return a reason to stop, or None."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy import stats

from alkit.arguments import check_integer, check_number
from alkit.directions import declared, rising
from alkit.errors import ConfigurationError, likely
from alkit.seeds import generator
from alkit.strategies.learner import ActiveLearner

if TYPE_CHECKING:
    from alkit.loop.loop import RoundRecord

EXPONENTS = np.geomspace(0.05, 3, 80)  # exponents of the fitted learning curves


class Budget:
    """Stop when the labels, or anything else that is counted, are used up.

    It is checked before each query, so the last query may exceed the limit.

    Args:
        limit: number of annotated samples, or amount, at which to stop.
        spent: function that returns the amount so far, such as ``lambda: oracle.spent`` of a
            ``Costly`` oracle. Default: the number of annotated samples.
    """

    def __init__(self, limit: float, spent: Callable[[], float] | None = None) -> None:
        check_number("limit", limit, "a number above 0", lambda number: number > 0)
        if spent is not None and not callable(spent):
            raise ConfigurationError(f"spent must be a function without arguments, got {spent!r}.")
        self.limit, self.spent = limit, spent

    def __call__(
        self, records: Sequence[RoundRecord], strategy: ActiveLearner | None = None
    ) -> str | None:
        """Reason to stop after the records, or None."""
        used, what = (self.spent(), "") if self.spent else (records[-1].annotated, " labels")
        return f"{used:g} of {self.limit:g}{what} are used" if used >= self.limit else None


class Plateau:
    """Stop when the result, with confidence, improved by less than ``gain`` in the last rounds.

        m = a + b n,    rise = (n_last - n_first) (b + t_(R - 2) s_b)

    by least squares over the last R rounds, with the standard error s_b of the slope and the
    quantile t of Student's distribution: the upper bound of the rise, or of the fall of an error.
    A noisy curve has a high bound, so noise alone does not stop it. Judging by the slope of the
    performance is that of Laws & Schuetze 2008, "Stopping criteria for active learning of named
    entity recognition".

    Args:
        gain: smallest improvement over the R rounds for which to continue.
        rounds: R, at least 3. With 3 rounds, the bound is high: one degree of freedom.
        confidence: confidence of the one-sided bound, in (0.5, 1).
        metric: name in ``record.metrics``; lower is better if torchmetrics or its name declares it.
            Default: the first one that is not a loss. Labels of the test data do not count.
    """

    def __init__(
        self,
        gain: float = 0.01,
        rounds: int = 5,
        *,
        confidence: float = 0.9,
        metric: str | None = None,
    ) -> None:
        check_number("gain", gain, "a number above 0", lambda number: number > 0)
        check_number("confidence", confidence, "in (0.5, 1)", lambda share: 0.5 < share < 1)
        self.gain, self.confidence, self.metric = gain, confidence, metric
        self.rounds = check_integer("rounds", rounds, 3)

    def __call__(
        self, records: Sequence[RoundRecord], strategy: ActiveLearner | None = None
    ) -> str | None:
        """Reason to stop after the records, or None."""
        name, n, m, rises = curve(records, self.metric, strategy)
        if len(n) < self.rounds:
            return None
        n, m = n[-self.rounds :], m[-self.rounds :]
        deviations = n - n.mean()
        spread = deviations @ deviations
        if not spread:  # no label came
            return None
        slope = deviations @ m / spread
        residuals = m - m.mean() - slope * deviations
        error = np.sqrt(residuals @ residuals / (self.rounds - 2) / spread)
        bound = (n[-1] - n[0]) * (slope + stats.t.ppf(self.confidence, self.rounds - 2) * error)
        if bound >= self.gain:
            return None
        return (
            f"{name} has {'risen' if rises else 'fallen'} by at most {max(bound, 0):.2g} in "
            f"{self.rounds} rounds ({self.confidence:.0%} confidence), less than {self.gain:g}"
        )


class StablePredictions:
    """Stop when consecutive models predict the same classes, whether right or wrong.

    Cohen's kappa of the predictions of each model and the one before it, on a fixed set of
    samples, labeled or not; stop when the mean of the last ``rounds`` kappas reaches
    ``threshold``. Bloodgood & Vijay-Shanker 2009, "A method for stopping active learning based on
    stabilizing predictions and the need for user-adjustable stopping"; their values are the
    defaults. It needs no test data.

    Cost: one forward pass over ``samples`` samples per round.

    Args:
        threshold: mean kappa at which to stop, in (0, 1]. Lower stops sooner.
        rounds: number of kappas to average.
        samples: size of the set, drawn uniformly from the pool; the whole pool if it is smaller.
    """

    def __init__(self, threshold: float = 0.99, rounds: int = 3, *, samples: int = 2000) -> None:
        check_number("threshold", threshold, "in (0, 1]", lambda kappa: 0 < kappa <= 1)
        self.threshold = threshold
        self.rounds = check_integer("rounds", rounds)
        self.samples = check_integer("samples", samples)
        self._ids = np.empty(0, dtype=np.int64)
        self._guesses = np.empty(0, dtype=np.int64)
        self._kappas: tuple[float, ...] = ()

    def __call__(self, records: Sequence[RoundRecord], strategy: ActiveLearner) -> str | None:
        """Reason to stop after the records, or None.

        Raises:
            ConfigurationError: the model predicts values, not classes.
        """
        pool = strategy.train_pool
        if not len(self._ids):
            order = generator(strategy.seed, "stable predictions")
            places = torch.randperm(len(pool.indices), generator=order)[: self.samples]
            self._ids = np.sort(pool.indices[places.numpy()])
        before, self._guesses = self._guesses, self._predicted(strategy)
        if len(before):
            self._kappas = (*self._kappas, cohen_kappa(before, self._guesses))[-self.rounds :]
        mean = float(np.mean(self._kappas)) if len(self._kappas) == self.rounds else 0.0
        if mean < self.threshold:
            return None
        return (
            f"the predictions of the last {self.rounds + 1} models agree, mean kappa {mean:.3f} on "
            f"{len(self._ids)} samples, at least {self.threshold:g}"
        )

    def _predicted(self, strategy: ActiveLearner) -> np.ndarray:
        guesses = []
        with closing(strategy.predictions(strategy.train_pool, self._ids)) as predictions:
            for prediction in predictions:
                if prediction.task == "regression" or prediction.owners is not None:
                    what = "values" if prediction.owners is None else prediction.unit
                    raise ConfigurationError(
                        "StablePredictions compares predicted classes, and the model predicts "
                        f"{what}: use Plateau() with test data."
                    )
                guesses.append(prediction.guesses.flatten().cpu())
        return torch.cat(guesses).numpy()


class ExpectedGain:
    """Stop when one more label is expected to improve the result by less than it is worth.

        m(n) = a - b n^-c,    gain = m'(n) = b c n^-(c + 1)

    fitted by least squares to all rounds so far: the inverse power law of Figueroa, Zeng-Treitler,
    Kandula & Ngo 2012, "Predicting sample size required for classification performance".

    Args:
        least: smallest gain per label for which to go on, such as ``0.01 / 100``, one point of
            accuracy for 100 labels.
        rounds: number of rounds before the first fit, at least 4.
        metric: as for ``Plateau``; of an error, m is its negative.
    """

    def __init__(self, least: float, rounds: int = 5, *, metric: str | None = None) -> None:
        check_number("least", least, "a number above 0", lambda number: number > 0)
        self.least, self.metric = least, metric
        self.rounds = check_integer("rounds", rounds, 4)

    def __call__(
        self, records: Sequence[RoundRecord], strategy: ActiveLearner | None = None
    ) -> str | None:
        """Reason to stop after the records, or None."""
        name, n, m, rises = curve(records, self.metric, strategy)
        if len(n) < self.rounds or len(np.unique(n)) < 3:
            return None
        _, b, c = power_law(n, m)
        gain = b * c * n[-1] ** -(c + 1)
        if gain >= self.least:
            return None
        return (
            f"one more label is expected to {'raise' if rises else 'lower'} {name} by "
            f"{max(gain, 0):.2g}, less than {self.least:g}"
        )


def curve(
    records: Sequence[RoundRecord], metric: str | None, strategy: ActiveLearner | None
) -> tuple[str, np.ndarray, np.ndarray, bool]:
    """Name of the metric, annotated samples and results ``(R,)``, and True if higher is better.

    Results of an error are negated.

    Raises:
        ConfigurationError: the records have no such metric, or no test data.
    """
    names = [name for name in records[-1].metrics if "loss" not in name and "/" not in name]
    if not (names if metric is None else metric in records[-1].metrics):
        known = likely(metric or "", records[-1].metrics)
        raise ConfigurationError(
            f"this stopping criterion needs the result {metric or 'of a test metric'}: pass test= "
            f"and test_metrics= to the strategy{known}"
        )
    name = metric or names[0]
    n = np.array([record.annotated for record in records], dtype=float)
    m = np.array([record.metrics[name] for record in records], dtype=float)
    rises = declared(getattr(strategy, "module", None)).get(name, rising(name))
    return name, n, m if rises else -m, rises


def cohen_kappa(first: ArrayLike, second: ArrayLike) -> float:
    """Cohen's kappa ``(p_o - p_e) / (1 - p_e)`` of two labelings ``(N,)``.

    0 if both have one and the same label only: such agreement says nothing.
    """
    _, codes = np.unique(np.concatenate([first, second]), return_inverse=True)
    one, other = codes.reshape(2, -1)
    shares = [np.bincount(each, minlength=codes.max() + 1) / len(each) for each in (one, other)]
    expected = float(shares[0] @ shares[1])
    return 0.0 if expected == 1 else (float((one == other).mean()) - expected) / (1 - expected)


def power_law(n: np.ndarray, m: np.ndarray) -> tuple[float, float, float]:
    """Constants a, b, c of ``m = a - b n^-c`` by least squares, c from 0.05 to 3."""
    fits = []
    for c in EXPONENTS:
        columns = np.stack([np.ones_like(n), -(n**-c)], axis=1)
        (a, b), *_ = np.linalg.lstsq(columns, m, rcond=None)
        residuals = m - columns @ (a, b)
        fits.append((float(residuals @ residuals), float(a), float(b), float(c)))
    return min(fits)[1:]
