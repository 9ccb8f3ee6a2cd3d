"""Meaning of a model's outputs, and the part that declares it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import Tensor, nn

from alkit.errors import ConfigurationError, ModelOutputError
from alkit.model_outputs import logits_of
from alkit.prediction import KINDS, TASKS, OutputKind, Prediction, Task

Outputs = OutputKind | Callable[[Any], Any] | None

CHOICES = (
    'outputs="logits", "probabilities" or "log_probabilities" for exclusive classes; these with '
    'task="multilabel" for independent labels; outputs="values" for a regression'
)


@dataclass(frozen=True)
class Meaning:
    """Kind and task of a model's outputs.

    Attributes:
        kind: kind of the outputs; None if nothing declares it, and logits are assumed.
        task: task; None if nothing declares it, and it follows from the kind.
        by: the part that declares the kind, such as ``"CrossEntropyLoss"``; empty if none does.
        read: function from what the model returns to its outputs ``(N, C)`` or a Prediction.
    """

    kind: OutputKind | None = None
    task: Task | None = None
    by: str = ""
    read: Callable[[Any], Any] | None = None

    def prediction(
        self, returned: object, ids: Tensor, features: Tensor | None, *, samples: bool
    ) -> Prediction:
        """The prediction in what a model returned for the samples with these ids.

        Args:
            returned: what the model returned for the batch.
            ids: ``(N,)`` dataset indices of the batch.
            features: ``(N, D)`` features, if they were captured.
            samples: True if the model returns K posterior samples, ``(N, K, C)``.

        Raises:
            ModelOutputError: no tensor, not one row per sample, or three axes that are not
                posterior samples.
            PredictionError: the kind is not declared, and the rows are probabilities.
        """
        value = returned if self.read is None else self.read(returned)
        if isinstance(value, Prediction):
            _check_rows(value.outputs, ids)
            kept = value.features if features is None else features
            return replace(value, ids=ids, features=kept)
        outputs = logits_of(value)
        outputs = outputs[:, None] if outputs.ndim == 1 else outputs
        _check_rows(outputs, ids)
        if outputs.ndim == 3 and not samples:
            raise ModelOutputError(
                f"the model returned {tuple(outputs.shape)}. Three axes are K posterior samples "
                "(N, K, C) only from MCDropout or Ensemble, from a module with the attribute "
                "posterior_samples = True, or with outputs=alkit.Prediction. Of tokens, positions "
                "or pixels, return one row of outputs per sample, (N, C)."
            )
        task = "multiclass" if outputs.shape[-1] == 1 and self.task == "multilabel" else self.task
        return Prediction(outputs, ids, self.kind, features, task)  # type: ignore[arg-type]

    @property
    def is_assumed(self) -> bool:
        """True if nothing declares the kind of the outputs, so that logits are assumed."""
        return self.kind is None and self.read is None

    def __str__(self) -> str:
        return f"declared by {self.by}" if self.by else "assumed, since nothing declares it"


def meaning_of(module: nn.Module, outputs: Outputs, task: Task | None) -> Meaning:
    """Meaning of a module's outputs: as the call declares it, else as the module does.

    Args:
        module: the module; its attributes ``outputs`` and ``task``, if these are names of a kind
            and a task, declare them. Those of an Application follow from its loss.
        outputs: kind of the outputs, or a function of what the module returns.
        task: the task.

    Raises:
        ConfigurationError: a kind or task that does not exist.
    """
    read = None if isinstance(outputs, str) or not callable(outputs) else outputs
    kind: Any = None if read else outputs
    if kind is not None and kind not in KINDS:
        raise ConfigurationError(
            f"outputs must be one of {', '.join(KINDS)}, or a function of what the model returns, "
            f"got {outputs!r}."
        )
    if task is not None and task not in TASKS:
        raise ConfigurationError(f"task must be one of {', '.join(TASKS)}, got {task!r}.")
    own_kind, own_task = _named(module, "outputs", KINDS), _named(module, "task", TASKS)
    if kind is not None:
        return Meaning(kind, task or (own_task if own_kind == kind else None), "outputs=")
    by = getattr(module, "declared_by", type(module).__name__) if own_kind else ""
    return Meaning(own_kind, task or own_task, by, read)


def check_assumed(label: object) -> None:
    """Raise if undeclared outputs cannot be logits of exclusive classes, given a label.

    Raises:
        ConfigurationError: the label is not a class; the message lists what to declare.
    """
    value = np.asarray(label)
    if value.ndim == 0 and value.dtype.kind in "iubU":
        return
    raise ConfigurationError(
        f"nothing declares the meaning of the model's outputs, and the labels, such as {label!r}, "
        f"are not class numbers. Declare {CHOICES}."
    )


def _named(module: nn.Module, name: str, names: tuple[str, ...]) -> Any:
    value = getattr(module, name, None)
    return value if isinstance(value, str) and value in names else None


def _check_rows(outputs: Tensor | None, ids: Tensor) -> None:
    if outputs is not None and (outputs.ndim == 0 or len(outputs) != len(ids)):
        raise ModelOutputError(
            f"expected one row of outputs per sample, {len(ids)}, got outputs of shape "
            f"{tuple(outputs.shape)}."
        )
