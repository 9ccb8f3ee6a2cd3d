"""Labels of the annotated samples, as selectors compare them with what the model returns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from alkit.errors import PredictionError
from alkit.prediction import Prediction, are_finite

if TYPE_CHECKING:
    from alkit.selectors.candidates import Candidates


def check_labels(
    labels: Tensor, annotated: Prediction | None, candidates: Prediction | None
) -> None:
    """Raise a PredictionError unless there is one class number or value per annotated sample.

    Of a model with C exclusive classes, a class number is below C.
    """
    values = gives_values(candidates)
    expected = "values (A,) or (A, C)" if values else "class numbers (A,)"
    expected = f"labels must be a tensor of {expected}, one per annotated sample"
    if not isinstance(labels, Tensor):
        raise PredictionError(f"{expected}, got {labels!r}.")
    wrong = labels.ndim not in (1, 2) if values else labels.ndim != 1 or labels.is_floating_point()
    if wrong or labels.dtype == torch.bool:
        raise PredictionError(f"{expected}, got {labels.dtype} of shape {tuple(labels.shape)}.")
    if values and not are_finite(labels.double()):
        raise PredictionError(f"{expected}, got NaN or infinity.")
    if annotated is not None and len(labels) != len(annotated):
        raise PredictionError(f"{len(annotated)} annotated samples came with {len(labels)} labels.")
    if candidates is None or candidates.outputs is None or candidates.task != "multiclass":
        return
    check_classes_of(labels, max(candidates.outputs.shape[-1], 2))


def check_classes_of(labels: Tensor, classes: int) -> None:
    """Raise a PredictionError unless all labels are among the classes of a model."""
    if not len(labels):
        return
    low, high = (int(bound) for bound in labels.aminmax())
    if low < 0 or high >= classes:
        wrong = low if low < 0 else high
        raise PredictionError(f"the model has the classes 0 to {classes - 1}, got {wrong}.")


def gives_values(prediction: Prediction | None) -> bool:
    """True if a prediction has values of a regression, so that labels are values as well."""
    return prediction is not None and prediction.outputs is not None and prediction.kind == "values"


def outputs_and_labels(candidates: Candidates) -> tuple[Tensor, Tensor]:
    """Outputs of the candidates ``(N, C)``, and labels ``(A, C)`` in the same units, in float64.

    Values are averaged over the K samples. Of class probabilities, the label is one-hot.

    Raises:
        PredictionError: labels do not have the C values of an output.
    """
    prediction, labels = candidates.prediction, candidates.labels
    if prediction is not None and gives_values(prediction) and prediction.outputs is not None:
        outputs = prediction.outputs.double().mean(1)
    else:
        outputs = candidates.probabilities.double()
    labels = torch.empty(0, dtype=torch.long) if labels is None else labels
    labels, columns = labels.to(outputs.device), outputs.shape[1]
    if gives_values(prediction):
        if len(labels) and labels[0].numel() != columns:
            raise PredictionError(
                f"the model returns {columns} values, and a label has {labels[0].numel()}."
            )
        return outputs, labels.double().reshape(len(labels), columns)
    return outputs, one_hot(labels.long(), columns).double()
