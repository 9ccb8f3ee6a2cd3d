"""Meaning of a model's outputs, and the part that declares it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn

from alkit.errors import ConfigurationError, ModelOutputError
from alkit.model_outputs import logits_of
from alkit.prediction import KINDS, TASKS, OutputKind, Prediction, Task
from alkit.querying.structures import (
    DECLARED,
    Structure,
    check_independent,
    check_samples,
    joined,
    structured,
)
from alkit.training.calls import read_by

Outputs = OutputKind | Structure | Callable[..., Any] | None

CHOICES = (
    'outputs="logits", "probabilities" or "log_probabilities" for exclusive classes; these with '
    'task="multilabel" for independent labels; outputs="values" for a regression; '
    'outputs="segmentation", "tokens", "detection" or "keypoints" for several rows per sample'
)


@dataclass(frozen=True)
class Meaning:
    """Kind and task of a model's outputs.

    Attributes:
        kind: kind of the outputs; None if nothing declares it, and logits are assumed.
        task: task; None if nothing declares it, and it follows from the kind.
        by: the part that declares the kind, such as ``"CrossEntropyLoss"``; empty if none does.
        read: function from what the model returns, and its input if it has two parameters, to the
            outputs ``(N, C)`` or a Prediction.
        independent: True if the module declares that each column is trained by itself.
    """

    kind: OutputKind | None = None
    task: Task | None = None
    by: str = ""
    read: Callable[..., Any] | None = None
    independent: bool = False

    def prediction(
        self,
        returned: object,
        ids: Tensor,
        features: Tensor | None,
        *,
        samples: bool,
        x: object = None,
    ) -> Prediction:
        """The prediction in what a model returned for the samples with these ids.

        Args:
            returned: what the model returned for the batch.
            ids: ``(N,)`` dataset indices of the batch.
            features: ``(N, ...)`` output of the layer of the features, if it was captured; of
                structured outputs, its average over the positions is kept.
            samples: True if the model returns K posterior samples, ``(N, K, C)``.
            x: input of the model.

        Raises:
            ModelOutputError: no tensor, not one row per sample, or further axes that neither
                posterior samples nor a task declares.
            PredictionError: the kind is not declared, and the rows are probabilities.
        """
        value = returned if self.read is None else read_by(self.read, returned, x)
        if self.task in DECLARED and not isinstance(value, Prediction):
            each = self.independent
            value = structured(value, self.task, self.kind, each, samples=samples, x=x)
        if isinstance(value, Prediction):
            if self.independent:
                check_independent(value, self.by)
            _check_rows(value.outputs if value.owners is None else value.ids, ids)
            if samples:
                check_samples(value, returned)
            return joined(value, ids, features, x)
        outputs = logits_of(value)
        outputs = outputs[:, None] if outputs.ndim == 1 else outputs
        _check_rows(outputs, ids)
        if outputs.ndim > (3 if samples else 2):
            raise ModelOutputError(
                f"the model returned {tuple(outputs.shape)}. Three axes are K posterior samples "
                "(N, K, C) only from MCDropout or Ensemble, from a module with the attribute "
                "posterior_samples = True, or with outputs=alkit.Prediction. Declare classes of "
                'pixels (N, C, H, W) by outputs="segmentation", of tokens (N, T, C) by '
                'outputs="tokens", heatmaps (N, P, H, W) by outputs="keypoints".'
            )
        features = None if features is None else features.flatten(1)
        task = "multiclass" if outputs.shape[-1] == 1 and self.task == "multilabel" else self.task
        kind = "values" if self.kind is None and task == "regression" else self.kind
        return Prediction(outputs, ids, kind, features, task)  # type: ignore[arg-type]

    def __str__(self) -> str:
        return f"declared by {self.by}" if self.by else "assumed, since nothing declares it"


def meaning_of(module: nn.Module, outputs: Outputs, task: Task | None) -> Meaning:
    """Meaning of a module's outputs: as the call declares it, else as the module does.

    Args:
        module: the module; its attributes ``outputs`` and ``task``, if these are names of a kind
            and a task, declare them. Those of an Application follow from its loss.
        outputs: kind of the outputs, a task of several rows per sample, or a function of what the
            module returns.
        task: the task.

    Raises:
        ConfigurationError: a kind or task that does not exist, or two tasks.
    """
    read = None if isinstance(outputs, str) or not callable(outputs) else outputs
    kind: Any = None if read else outputs
    word: Any = outputs
    if word in DECLARED and task in (None, word):
        kind, task = None, word
    if kind is not None and kind not in KINDS:
        raise ConfigurationError(
            f"outputs must be one of {', '.join((*KINDS, *DECLARED))}, or a function of what the "
            f"model returns, got {outputs!r}{f' with task={task!r}' if kind in DECLARED else ''}."
        )
    if task is not None and task not in TASKS:
        raise ConfigurationError(f"task must be one of {', '.join(TASKS)}, got {task!r}.")
    if task == "rows":
        raise ConfigurationError(
            "rows of another kind come from a function: outputs=lambda returned: "
            "al.Prediction(rows, range(n), owners=owners)."
        )
    own_kind, own_task = _named(module, "outputs", KINDS), _named(module, "task", TASKS)
    independent = own_task == "multilabel"
    if kind is not None:
        own_task = own_task if own_kind == kind else None
        return Meaning(kind, task or own_task, "outputs=", None, independent)
    by = getattr(module, "declared_by", type(module).__name__) if own_kind else ""
    by = "outputs=" if task in DECLARED and not by else by
    return Meaning(own_kind, task or own_task, by, read, independent)


def check_label(prediction: Prediction, label: object, by: str) -> None:
    """Raise if the outputs cannot be of the task that they are declared, or assumed, to be of.

    Args:
        prediction: outputs of some samples.
        label: label of an annotated sample.
        by: the declaration, in words.

    Raises:
        ConfigurationError: exclusive classes, and the label is not a class, nor probabilities of
            classes; or a regression, and the label is text.
    """
    if prediction.outputs is None or prediction.unit:
        return
    value, columns = np.asarray(label), prediction.outputs.shape[-1]
    if value.size == 1:
        value = value.reshape(())
    if prediction.task == "regression":
        fits = value.dtype.kind in "iubf"
    elif value.ndim == 0 and columns == 1:
        fits = value.dtype.kind == "U" or (value.dtype.kind in "iubf" and 0 <= value <= 1)
    elif value.ndim == 0:
        fits = value.dtype.kind in "iubU"
    else:
        fits = value.shape == (columns,) and value.dtype.kind in "iubf" and _sums_to_one(value)
    if not fits:
        task = "a regression" if prediction.task == "regression" else "exclusive classes"
        raise ConfigurationError(
            f"the outputs of the model are taken for those of {task} ({by}), and a label such as "
            f"{label!r} is not one of these. Declare {CHOICES}; a loss such as BCEWithLogitsLoss "
            "or MSELoss declares it too."
        )


def _sums_to_one(values: np.ndarray) -> bool:
    return bool(values.min() >= 0 and abs(values.sum() - 1) < 1e-3)


def _named(module: nn.Module, name: str, names: tuple[str, ...]) -> Any:
    value = getattr(module, name, None)
    return value if isinstance(value, str) and value in names else None


def _check_rows(outputs: Tensor | None, ids: Tensor) -> None:
    if outputs is not None and (outputs.ndim == 0 or len(outputs) != len(ids)):
        raise ModelOutputError(
            f"expected one row of outputs per sample, {len(ids)}, got outputs of shape "
            f"{tuple(outputs.shape)}."
        )
