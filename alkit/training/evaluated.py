"""Losses and metrics of a model whose outputs the strategy reads by a function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.modules.loss import _Loss

from alkit.blocks.posterior.stacked import gives_samples
from alkit.prediction import Prediction
from alkit.training.calls import takes_input

if TYPE_CHECKING:
    from alkit.training.application import Application


def samples_of(module: Application, y_hat: Any) -> list[Any]:
    """Outputs of each of K posterior samples, if a function of the strategy reads these; else one.

    Samples of which the kind is known were averaged before.
    """
    if module.training or not isinstance(y_hat, Tensor) or _read(module) is None:
        return [y_hat]
    return list(y_hat.unbind(1)) if y_hat.ndim > 2 and gives_samples(module.model) else [y_hat]


def mean_loss(losses: Sequence[Any]) -> Any:
    """Mean of losses, scalars or dicts of scalars."""
    if len(losses) == 1:
        return losses[0]
    if isinstance(losses[0], dict):
        return {name: mean_loss([loss[name] for loss in losses]) for name in losses[0]}
    return torch.stack(list(losses)).mean()


def values_of(module: Application, kind: str, y_hat: Any, y: Any) -> Any:
    """Argument of the metrics: of a regression, the predicted values in the shape of the targets.

    They are the means of what ``outputs=`` of the strategy reads, such as a mean and a variance.
    Anything else is only detached, and so is what a function reads from the input as well.

    Args:
        module: the module.
        kind: "train", "val" or "test".
        y_hat, y: outputs and targets of a batch.
    """
    y_hat = y_hat.detach() if isinstance(y_hat, Tensor) else y_hat
    if not isinstance(y, Tensor) or not getattr(module, f"{kind}_metrics"):
        return y_hat
    read, value = _read(module), y_hat
    if read is not None:
        sampled = module.training and isinstance(y_hat, Tensor) and gives_samples(module.model)
        value = read(y_hat[:, None] if sampled else y_hat)  # in training, one member's outputs
        value = value.guesses if isinstance(value, Prediction) else None
    elif getattr(_meaning(module), "kind", None) != "values" or isinstance(module.loss, _Loss):
        return y_hat
    if isinstance(value, Tensor) and value.is_floating_point() and value.numel() == y.numel():
        return value.detach().reshape(y.shape).float()
    return y_hat


def _meaning(module: Application) -> Any:
    return getattr(module._predictor, "meaning", None)


def _read(module: Application) -> Callable[..., Any] | None:
    """Function of what the model returns alone, beside a loss that is not of torch."""
    read = getattr(_meaning(module), "read", None)
    return None if read is None or isinstance(module.loss, _Loss) or takes_input(read) else read
