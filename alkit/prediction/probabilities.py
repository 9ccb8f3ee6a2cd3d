"""Kinds of outputs and tasks, and probabilities from outputs of each kind."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from alkit.errors import PredictionError

OutputKind = Literal["logits", "probabilities", "log_probabilities", "values"]
Task = Literal[
    "multiclass", "binary", "multilabel", "regression",
    "segmentation", "tokens", "detection", "keypoints", "rows",
]  # fmt: skip

KINDS: tuple[str, ...] = ("logits", "probabilities", "log_probabilities", "values")
STRUCTURES: tuple[str, ...] = ("segmentation", "tokens", "detection", "keypoints", "rows")
"""Tasks whose samples own any number of rows."""
MANY = 128  # columns from which a sum over them is faster than a product with ones
TASKS: tuple[str, ...] = ("multiclass", "binary", "multilabel", "regression", *STRUCTURES)


def checked_task(kind: str, task: str | None, *, owned: bool) -> str:
    """Task of a prediction, from its kind and whether its rows have owners if it was not declared.

    Raises:
        PredictionError: the kind or the task is unknown, or they contradict each other.
    """
    if kind not in KINDS:
        raise PredictionError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}.")
    if task is None:
        return "rows" if owned else "regression" if kind == "values" else "multiclass"
    if task not in TASKS:
        raise PredictionError(f"task must be one of {', '.join(TASKS)}, got {task!r}.")
    if task in STRUCTURES:
        return task
    if (task == "regression") != (kind == "values"):
        raise PredictionError(
            f'the task "{task}" does not go with outputs of the kind "{kind}": a regression has '
            '"values", classes and labels have logits or (log-)probabilities.'
        )
    return task


def probabilities_of(outputs: Tensor, kind: OutputKind, *, binary: bool) -> Tensor:
    """Probability of each column ``(N, K, C)``, from logits or (log-)probabilities.

    Args:
        outputs: the outputs, ``(N, K, C)``.
        kind: their kind, any but "values".
        binary: True if each column has its own probability, False if a row sums to one.
    """
    if kind == "logits":
        return outputs.sigmoid() if binary else _softmax(outputs)
    return outputs.exp() if kind == "log_probabilities" else outputs


def are_probabilities(outputs: Tensor, kind: OutputKind, *, binary: bool) -> bool:
    """Return whether (log-)probabilities are in [0, 1] and, unless binary, sum to about one."""
    p = outputs.exp() if kind == "log_probabilities" else outputs
    if binary:
        low, high = map(float, p.aminmax())
        return low >= 0 and high <= 1  # NaN never fits
    if not float(p.amin()) >= 0:  # NaN; first, since it reads from memory faster than a product
        return False
    sums = p.sum(-1) if p.shape[-1] >= MANY else p.flatten(0, 1).mv(p.new_ones(p.shape[-1]))
    low, high = map(float, sums.aminmax())
    return low >= 0.99 and high <= 1.01


def _softmax(logits: Tensor) -> Tensor:
    if logits.shape[-1] >= 16 or logits.device.type != "cpu":
        return logits.softmax(-1)
    powers = (logits - logits.amax(-1, keepdim=True)).exp_()  # torch's takes 4 times as long
    return powers.div_(powers.sum(-1, keepdim=True))
