"""Calibration: probabilities that match how often the model is right."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from alkit.errors import ConfigurationError, LabelError, PredictionError
from alkit.prediction import Prediction, unchecked

BINS = 15  # bins of the calibration error, as in the paper
WIDEST = 5.0  # bound of abs(log T)
TINY = 1e-300  # replaces a probability of zero


@dataclass(frozen=True)
class Temperature:
    """Logits divided by a number T: above 1, the model is less certain; its guesses do not change.

    Call it on a prediction to temper each of its posterior samples.

    Attributes:
        value: T, a number above 0.
        ece_before: expected calibration error (distance of confidence from accuracy, 15 bins) on
            the labels that T was fitted to. NaN if T was not fitted.
        ece_after: the same error with T.
        labels: number of labels that T was fitted to.

    Raises:
        ConfigurationError: ``value`` is not a number above 0.
    """

    value: float = 1.0
    ece_before: float = math.nan
    ece_after: float = math.nan
    labels: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.value, (int, float)) or not 0 < self.value < math.inf:
            raise ConfigurationError(f"a temperature must be a number above 0, got {self.value!r}.")

    def __call__(self, prediction: Prediction) -> Prediction:
        """Tempered rows: logits stay logits, (log-)probabilities become log-probabilities.

        Raises:
            PredictionError: not a Prediction, values of a regression, or no outputs.
        """
        _check_prediction("a temperature changes", prediction)
        if self.value == 1:
            return prediction
        if prediction.kind == "logits" and prediction.outputs is not None:
            outputs, kind = prediction.outputs / self.value, prediction.kind
        else:
            owned = prediction.owners is not None
            p = (prediction.rows() if owned else prediction).probabilities
            outputs = (p.log() / self.value).log_softmax(-1)
            kind = "log_probabilities"
        # not checked again: rows of labels share the id of their sample
        return unchecked(
            prediction.ids, outputs, kind, prediction.features, prediction.task, prediction.owners
        )


def fit_temperature(prediction: Prediction, labels: ArrayLike | Tensor) -> Temperature:
    """Fit the temperature that maximizes the likelihood of held-out labels.

        temperature = al.fit_temperature(prediction_of_held_out, labels)
        query = al.select(20, prediction=temperature(prediction), criterion=al.Entropy())

    Guo, Pleiss, Sun & Weinberger 2017, "On calibration of modern neural networks", section 4.2,
    with a weak prior: log T is normal with mean 0 and deviation 1. The prior weighs as much as one
    or two labels, so that a few correct guesses do not make the model certain of everything. With
    K posterior samples, the likelihood is that of the mean of the tempered samples. The result is
    deterministic. Cost: about 30 passes over ``(N, K, C)``, in float64.

    Args:
        prediction: prediction of N samples that the model was not trained on, such as a random
            held-out part of the annotated samples.
        labels: class numbers of these samples, ``(N,)``.

    Raises:
        LabelError: labels that are not one class number per row, or no labels.
        PredictionError: not a Prediction, values of a regression, or no outputs.
    """
    from scipy.optimize import minimize_scalar  # slow to import and rarely needed

    y = _checked(labels, prediction)
    z = prediction.probabilities.double().clamp_min(TINY).log()
    if prediction.kind == "logits" and (outputs := prediction.outputs) is not None:
        z = outputs.double()  # logits, unlike probabilities, have not underflowed
        z = torch.cat([torch.zeros_like(z), z], -1) if z.shape[-1] == 1 else z
    rows = torch.arange(len(y), device=z.device)

    def loss(log: float) -> float:
        true = (z / math.exp(log)).log_softmax(-1)[rows, :, y]  # (N, K)
        return float(-true.logsumexp(1).sum()) + log * log / 2

    found = minimize_scalar(loss, bounds=(-WIDEST, WIDEST), method="bounded")
    fitted = Temperature(math.exp(found.x))  # type: ignore[attr-defined]
    before, after = (_calibration_error(part, y) for part in (prediction, fitted(prediction)))
    return Temperature(fitted.value, before, after, len(y))


def _check_prediction(use: str, prediction: object) -> None:
    if not isinstance(prediction, Prediction):
        raise PredictionError(
            f"{use} a Prediction, got {type(prediction).__name__}: wrap the outputs, "
            'al.Prediction(outputs, kind="logits").'
        )


def _checked(labels: ArrayLike | Tensor, prediction: Prediction) -> Tensor:
    _check_prediction("a temperature is fitted to", prediction)
    p = prediction.mean_probabilities
    try:
        y = torch.as_tensor(labels)
    except (TypeError, ValueError, RuntimeError) as error:
        raise LabelError(f"labels must be class numbers ({len(p)},), got {labels!r}.") from error
    if not len(p) or y.shape != (len(p),) or y.is_floating_point() or y.dtype == torch.bool:
        raise LabelError(
            f"a temperature needs one class number per row, ({len(p)},) and at least one, got "
            f"{y.dtype} of shape {tuple(y.shape)}."
        )
    outside = y[(y < 0) | (y >= p.shape[1])]
    if len(outside):
        raise LabelError(f"classes run from 0 to {p.shape[1] - 1}, got {int(outside[0])}.")
    return y.to(p.device).long()


def _calibration_error(prediction: Prediction, labels: Tensor) -> float:
    from torchmetrics.functional.classification import multiclass_calibration_error

    p = prediction.mean_probabilities.double().clamp(0, 1)  # sums over many samples
    return float(multiclass_calibration_error(p, labels, p.shape[1], n_bins=BINS))
