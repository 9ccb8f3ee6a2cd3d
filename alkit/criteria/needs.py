"""Parts of a prediction that a criterion needs, or an error that states how to provide them."""

from __future__ import annotations

import torch
from torch import Tensor

from alkit.errors import PredictionError
from alkit.prediction import OutputKind, Prediction


def logits(criterion: object, prediction: Prediction) -> Tensor:
    """Logits ``(N, K, C)``; a single column z (the binary case) becomes two, (0, z).

    Raises:
        PredictionError: no outputs, or outputs of another kind.
    """
    z = _outputs(criterion, prediction, "logits")
    return torch.cat([torch.zeros_like(z), z], dim=-1) if z.shape[-1] == 1 else z


def values(criterion: object, prediction: Prediction) -> Tensor:
    """Values of a regression, ``(N, K, C)``.

    Raises:
        PredictionError: no outputs, or outputs of another kind.
    """
    return _outputs(criterion, prediction, "values")


def one_value(criterion: object, prediction: Prediction) -> Tensor:
    """Values ``(N, K)`` of a regression with one target.

    Raises:
        PredictionError: no outputs, outputs of another kind, or several targets.
    """
    y = values(criterion, prediction)
    if y.shape[-1] != 1:
        raise PredictionError(
            f"{criterion!r} needs one target dimension, (N, K, 1), got {y.shape[-1]}: pass a "
            "prediction that has only the column to be improved."
        )
    return y[..., 0]


def features(criterion: object, prediction: Prediction) -> Tensor:
    """Features ``(N, D)``.

    Raises:
        PredictionError: the prediction has no features.
    """
    if prediction.features is None:
        raise PredictionError(
            f"{criterion!r} needs the features of the candidates, and this prediction has none. "
            'Name their layer, features="layer.path" of the strategy, or pass embeddings= to '
            "al.select."
        )
    return prediction.features


def _outputs(criterion: object, prediction: Prediction, kind: OutputKind) -> Tensor:
    if prediction.outputs is None or prediction.kind != kind:
        got = f'"{prediction.kind}"' if prediction.outputs is not None else "features alone"
        raise PredictionError(
            f'{criterion!r} needs outputs of the kind "{kind}", got {got}. Declare '
            f'outputs="{kind}" if the model returns these; otherwise use another criterion.'
        )
    return prediction.outputs
