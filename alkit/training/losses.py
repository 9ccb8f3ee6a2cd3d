"""Networks and losses, and the meaning of the outputs that a loss trains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from alkit.errors import ConfigurationError
from alkit.model_outputs import logits_of
from alkit.prediction import OutputKind, Task
from alkit.training.calls import read_by

CLASS_LOSSES = (nn.CrossEntropyLoss, nn.NLLLoss)
_KINDS: tuple[tuple[type[nn.Module], OutputKind], ...] = (
    (nn.CrossEntropyLoss, "logits"),
    (nn.BCEWithLogitsLoss, "logits"),
    (nn.MultiLabelSoftMarginLoss, "logits"),
    (nn.BCELoss, "probabilities"),
    (nn.NLLLoss, "log_probabilities"),
    (nn.MSELoss, "values"),
    (nn.L1Loss, "values"),
    (nn.SmoothL1Loss, "values"),
    (nn.HuberLoss, "values"),
)

FUNCTIONS: dict[object, type[nn.Module]] = {
    functional.cross_entropy: nn.CrossEntropyLoss,
    functional.nll_loss: nn.NLLLoss,
    functional.binary_cross_entropy: nn.BCELoss,
    functional.binary_cross_entropy_with_logits: nn.BCEWithLogitsLoss,
    functional.mse_loss: nn.MSELoss,
    functional.l1_loss: nn.L1Loss,
    functional.smooth_l1_loss: nn.SmoothL1Loss,
    functional.huber_loss: nn.HuberLoss,
}
"""Functions of torch that mean the same as a module."""


def output_kind(loss: object) -> OutputKind | None:
    """Kind of output of a model trained with `loss`; None if the loss does not determine it."""
    return next((kind for cls, kind in _KINDS if isinstance(loss, cls)), None)


def task_of(loss: object) -> Task | None:
    """Task of a model trained with `loss`, if it has several outputs; None if it is not known."""
    if isinstance(loss, nn.BCEWithLogitsLoss | nn.BCELoss | nn.MultiLabelSoftMarginLoss):
        return "multilabel"
    return None


def argument_of(returned: Any, x: Any, meaning: Any, axes: Sequence[int]) -> Tensor:
    """Argument of a loss of torch in what a model returned: the tensor that predictions read.

    Classes of tokens ``(N, T, C)`` become ``(N, C, T)`` for a loss of classes, as torch has them.

    Args:
        returned: what the model returned.
        x: input of the model.
        meaning: meaning of the outputs, with ``read`` and ``task``; None without a strategy.
        axes: numbers of axes that outputs of tokens may have; empty if the loss has no classes.
    """
    plain, value = isinstance(returned, Tensor), None
    read, task = getattr(meaning, "read", None), getattr(meaning, "task", None)
    if read is not None and (not plain or returned.ndim in axes):
        value = read_by(read, returned, x)
        task = getattr(value, "task", task)
    value = value if isinstance(value, Tensor) and not plain else logits_of(returned)
    return value.transpose(-1, -2) if task == "tokens" and axes else value


def as_network(model: object) -> nn.Module:
    """Return `model` if it is a network.

    Raises:
        ConfigurationError: it is anything else, such as a class or a list of layers.
    """
    if isinstance(model, nn.Module):
        return model
    if isinstance(model, type):
        came = f"the class {model.__name__}: create an instance"
    elif isinstance(model, list | tuple):
        came = f"a {type(model).__name__}: join the layers, nn.Sequential(*layers)"
    else:
        came = repr(model)
    raise ConfigurationError(f"The network must be an nn.Module or a Block, got {came}.")


def wrong_targets(loss: object, targets: object, classes: int | None = None) -> str | None:
    """The targets that a loss of torch takes, if these are others; None if they fit.

    Args:
        loss: the loss; any but those of torch fits everything.
        targets: targets of a batch, in the form that the loss gets.
        classes: number of classes of the outputs, if these have one for each pixel or token.
    """
    if not isinstance(targets, Tensor) or not targets.numel():
        return None
    if task_of(loss) == "multilabel":
        low, high = targets.aminmax()
        return None if low >= 0 and high <= 1 else "numbers between 0 and 1"  # NaN never fits
    if isinstance(loss, nn.SoftMarginLoss | nn.HingeEmbeddingLoss):
        return None if (targets.abs() == 1).all() else "-1 for off and 1 for on"
    if isinstance(loss, nn.MultiLabelMarginLoss) and targets.ndim == 2:
        on = targets.where((targets < 0).cumsum(1) == 0, -1).sort(1).values
        twice = ((on.diff(dim=1) == 0) & (on[:, 1:] >= 0)).any()
        return "the numbers of the labels that are on, then -1" if twice else None
    if isinstance(loss, CLASS_LOSSES) and targets.is_floating_point() and targets.ndim == 2:
        fits = targets.amin() >= 0 and ((targets.sum(1) - 1).abs() < 1e-2).all()
        return None if fits else "class numbers, or probabilities that sum to one"
    if classes and isinstance(loss, CLASS_LOSSES) and not targets.is_floating_point():
        low, high = targets.aminmax()
        if low < 0 or high >= classes:
            rest = targets[targets != loss.ignore_index]
            if ((rest < 0) | (rest >= classes)).any():
                return f"class numbers from 0 to {classes - 1}, or {loss.ignore_index} to ignore"
    if output_kind(loss) == "values" and not targets.isfinite().all():
        return "finite numbers"
    return None
