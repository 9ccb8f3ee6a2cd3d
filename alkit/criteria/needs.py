"""What a criterion needs of a prediction, or an error that says how to get it."""

from __future__ import annotations

import torch
from torch import Tensor

from alkit.errors import PredictionError
from alkit.prediction import OutputKind, Prediction


def logits(criterion: object, prediction: Prediction) -> Tensor:
    """Logits ``(N, K, C)``; of one column z (the binary case), those of both classes: (0, z).

    Raises:
        PredictionError: no outputs, or outputs of another kind.
    """
    z = _outputs(criterion, prediction, "logits")
    return torch.cat([torch.zeros_like(z), z], dim=-1) if z.shape[-1] == 1 else z


def values(criterion: object, prediction: Prediction) -> Tensor:
    """The values of a regression, ``(N, K, C)``.

    Raises:
        PredictionError: no outputs, or outputs of another kind.
    """
    return _outputs(criterion, prediction, "values")


def one_value(criterion: object, prediction: Prediction) -> Tensor:
    """The values ``(N, K)`` of a regression of one target.

    Raises:
        PredictionError: no outputs, outputs of another kind, or of several targets.
    """
    y = values(criterion, prediction)
    if y.shape[-1] != 1:
        raise PredictionError(
            f"{criterion!r} needs one target dimension, (N, K, 1), got {y.shape[-1]}: which of "
            "them is to be improved? Give a prediction of that column alone."
        )
    return y[..., 0]


def features(criterion: object, prediction: Prediction) -> Tensor:
    """Features ``(N, D)``.

    Raises:
        PredictionError: none.
    """
    if prediction.features is None:
        raise PredictionError(
            f"{criterion!r} needs the features of the candidates, and this prediction has none. "
            'Say which layer gives them: features="layer.path" of the strategy, or give '
            "embeddings= to al.select."
        )
    return prediction.features


def _outputs(criterion: object, prediction: Prediction, kind: OutputKind) -> Tensor:
    if prediction.outputs is None or prediction.kind != kind:
        got = f'"{prediction.kind}"' if prediction.outputs is not None else "features alone"
        raise PredictionError(
            f'{criterion!r} needs outputs of the kind "{kind}", got {got}. Declare what the model '
            f'returns (outputs="{kind}"), if that is what it is; else take another criterion.'
        )
    return prediction.outputs
