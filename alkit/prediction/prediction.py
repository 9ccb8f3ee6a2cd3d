"""Predictions of a model for N candidates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial

import torch
from torch import Tensor

from alkit.errors import PredictionError
from alkit.prediction.checks import (
    are_finite,
    checked_features,
    checked_ids,
    checked_outputs,
    look_like_probabilities,
    numbers_of,
    raise_for,
)
from alkit.prediction.chunks import rows_of_a_chunk
from alkit.prediction.probabilities import (
    OutputKind,
    Task,
    are_probabilities,
    checked_task,
    probabilities_of,
)


@dataclass(frozen=True, eq=False)
class Prediction:
    """A model's outputs for N candidates, with the ids of these candidates.

    Shape letters used everywhere: N candidates, K posterior samples (1 for a plain network), C
    classes (or target dimensions), D features, always in the order ``(N, K, C)``.

    Args:
        outputs: outputs ``(N, K, C)``; ``(N, C)`` means ``K = 1``. They are always detached. None
            if only features are known.
        ids: ``(N,)`` dataset indices of the rows; default ``0 .. N - 1``. Scores are joined to
            samples by these ids, never by the order of a loader.
        kind: the kind of the outputs: ``"logits"``, ``"probabilities"``, ``"log_probabilities"``
            or ``"values"`` (regression). Default: ``"logits"``, unless the rows look like
            probabilities, which is an error.
        features: ``(N, D)`` latent features of the candidates, if needed.
        task: the meaning of the columns: ``"multiclass"``, C exclusive classes; ``"multilabel"``,
            C independent labels; ``"regression"``, C values. Default: that of the kind.

    Raises:
        PredictionError: shapes do not match, ids are repeated, negative or not integers, the kind
            or task is unknown, the two contradict each other, or "probabilities" are negative or
            do not sum to one.
        NonFiniteError: the outputs or features contain NaN or an infinity (log-probabilities may
            be minus infinity).

    A single column of logits, or of (log-)probabilities, is the binary case: ``probabilities``
    then has the two columns ``(1 - p, p)``. Independent labels are as many binary cases: see
    ``label_rows``.
    """

    outputs: Tensor | None = None
    ids: Tensor = None  # type: ignore[assignment]  # 0 .. N - 1 unless given
    kind: OutputKind = None  # type: ignore[assignment]  # logits unless given
    features: Tensor | None = None
    task: Task = None  # type: ignore[assignment]  # follows from the kind unless given

    def __post_init__(self) -> None:
        declared = self.kind is not None
        self._set("kind", self.kind if declared else "logits")
        self._set("task", checked_task(self.kind, self.task))
        n = len(numbers_of(held_by(self), "outputs" if self.outputs is not None else "features"))
        if self.ids is None:
            self._set("ascending", True)
        self._set("ids", checked_ids(self.ids, n))
        if self.outputs is not None:
            outputs = checked_outputs(self.outputs)
            self._set("outputs", outputs)
            several = outputs.shape[-1] > 1 and self.task == "multiclass"
            if not declared and several and look_like_probabilities(outputs):
                raise PredictionError(
                    "The kind of the outputs was not declared, and each row is non-negative and "
                    'sums to one. Declare kind="probabilities", or outputs="probabilities" of a '
                    'strategy (or "logits" if they are logits).'
                )
            self._check_values(outputs)
        if self.features is not None:
            self._set("features", checked_features(self.features, self.ids))

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _check_values(self, outputs: Tensor) -> None:
        """Check that outputs are finite and, if so declared, probabilities; chunk by chunk."""
        check = are_finite
        if self.kind in ("probabilities", "log_probabilities"):
            check = partial(are_probabilities, kind=self.kind, binary=self._columns_are_binary)
        if not outputs.numel() or all(map(check, outputs.split(rows_of_a_chunk(outputs)))):
            return
        self._check_finite(outputs)
        raise PredictionError(
            f"outputs declared as {self.kind} are negative or "
            f"{'above one' if self._columns_are_binary else 'do not sum to one'}. "
            'Declare what the model returns, for example outputs="logits" for raw scores.'
        )

    @property
    def _columns_are_binary(self) -> bool:
        """True if each column holds the probability of one label."""
        columns = None if self.outputs is None else self.outputs.shape[-1]
        return columns == 1 or self.task == "multilabel"

    def _check_finite(self, outputs: Tensor) -> None:
        bad = outputs.isnan() | (outputs == torch.inf)
        if self.kind != "log_probabilities":
            bad |= outputs == -torch.inf
        raise_for(bad.flatten(1).any(1), self.ids, "outputs")

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def ascending(self) -> bool:
        """True if the ids are strictly increasing."""
        return bool((self.ids[1:] > self.ids[:-1]).all())

    @cached_property
    def probabilities(self) -> Tensor:
        """Probabilities ``(N, K, C)`` of exclusive classes, float; rows sum to one.

        Raises:
            PredictionError: values of a regression, or independent labels.
        """
        if self.task == "multilabel":
            raise PredictionError(
                f"the outputs are {self._needed_outputs().shape[-1]} independent labels, whose "
                "probabilities do not sum to one. A criterion scores each label, and the mean "
                "counts; anything else reads label_probabilities or label_rows()."
            )
        p = self._of_columns()
        if p.shape[-1] > 1:
            return p
        others = (-self._needed_outputs()).sigmoid() if self.kind == "logits" else 1 - p
        return torch.cat([others, p], dim=-1)  # 1 - p of a large logit would be 0

    @property
    def label_probabilities(self) -> Tensor:
        """Probability ``(N, K, C)`` of each of C independent labels, in [0, 1].

        Raises:
            PredictionError: the task is another one.
        """
        if self.task != "multilabel":
            raise PredictionError(
                f'label_probabilities are those of independent labels; the task is "{self.task}". '
                "A criterion gets each label as a binary row unless it has scores_classes = False."
            )
        return self._of_columns()

    def _of_columns(self) -> Tensor:
        outputs = self._needed_outputs()
        if self.kind == "values":
            raise PredictionError(
                'A criterion needs probabilities, but the outputs are declared as "values" '
                "(regression). Use a criterion for values, or declare the kind of the outputs."
            )
        return probabilities_of(outputs, self.kind, binary=self._columns_are_binary)

    @cached_property
    def mean_probabilities(self) -> Tensor:
        """Class probabilities averaged over the K posterior samples, ``(N, C)``."""
        p = self.probabilities
        return p[:, 0] if p.shape[1] == 1 else p.mean(1)

    def label_rows(self) -> Prediction:
        """One binary row ``(K, 1)`` for each sample and label, ``N * C`` rows, without features.

        The C rows of a sample follow each other and have its id.
        """
        outputs = self._needed_outputs()
        rows = outputs.transpose(1, 2).flatten(0, 1)[..., None]
        ids = self.ids.repeat_interleave(outputs.shape[-1])
        return unchecked(ids, rows, self.kind, None, "multiclass")

    @property
    def guesses(self) -> Tensor:
        """The most probable class ``(N,)``; for labels and values ``(N, C)``.

        A label is 1 from a mean probability of 0.5, else 0; a value is the mean of its samples.
        """
        if self.task == "regression":
            return self._needed_outputs().mean(1)
        if self.task == "multilabel":
            return (self.label_probabilities.mean(1) >= 0.5).long()
        return self.mean_probabilities.argmax(-1)

    def _needed_outputs(self) -> Tensor:
        if self.outputs is None:
            raise PredictionError(
                "The outputs of the model are needed, but this prediction has only features. "
                "Pass probabilities= to al.select, or outputs= to al.Prediction."
            )
        return self.outputs

    def chunks(self) -> Iterator[Prediction]:
        """Consecutive chunks of rows whose temporaries fit in a processor's cache; at least one.

        A row-wise function gives the same result for any chunk size.
        """
        rows = rows_of_a_chunk(held_by(self))
        if len(self) <= rows:
            yield self
            return
        for start in range(0, len(self), rows):
            yield self[start : start + rows]

    def __getitem__(self, rows: Tensor | slice) -> Prediction:
        """The prediction for some rows (positions, a boolean mask or a slice), not rechecked."""
        ids = self.ids[rows]
        if ids.ndim != 1:
            raise PredictionError(f"rows must be positions, a mask or a slice, got {rows!r}.")
        outputs, features = (None if t is None else t[rows] for t in (self.outputs, self.features))
        part = unchecked(ids, outputs, self.kind, features, self.task)
        if isinstance(rows, slice) and self.__dict__.get("ascending"):
            part._set("ascending", True)  # a slice of a tensor cannot run backwards
        return part


def unchecked(
    ids: Tensor, outputs: Tensor | None, kind: OutputKind, features: Tensor | None, task: Task
) -> Prediction:
    part = object.__new__(Prediction)
    values = {"ids": ids, "outputs": outputs, "kind": kind, "features": features, "task": task}
    for name, value in values.items():
        part._set(name, value)
    return part


def held_by(prediction: Prediction) -> Tensor:
    """Return the outputs of a prediction, or its features if it has only these."""
    held = prediction.features if prediction.outputs is None else prediction.outputs
    if held is None:
        raise PredictionError("a prediction needs outputs (N, K, C) or features (N, D).")
    return held
