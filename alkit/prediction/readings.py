"""Readings of a prediction: probabilities, guesses, and the number of rows of each sample."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from alkit.errors import PredictionError
from alkit.prediction.probabilities import OutputKind, Task, probabilities_of
from alkit.prediction.rows import UNITS, needs_one_row, sizes_of

if TYPE_CHECKING:
    from alkit.prediction.prediction import Prediction


class Readings:
    """Readings of the outputs of a Prediction, computed once and kept."""

    outputs: Tensor | None
    ids: Tensor
    kind: OutputKind
    task: Task
    owners: Tensor | None

    if TYPE_CHECKING:

        def rows(self) -> Prediction: ...

        def __len__(self) -> int: ...

    @property
    def _columns_are_binary(self) -> bool:
        """True if each column holds the probability of one label."""
        columns = None if self.outputs is None else self.outputs.shape[-1]
        return columns == 1 or self.task == "multilabel"

    @cached_property
    def probabilities(self) -> Tensor:
        """Probabilities ``(N, K, C)`` of exclusive classes, float; rows sum to one.

        Raises:
            PredictionError: values of a regression, independent labels, or rows with owners.
        """
        if self.unit:
            raise PredictionError(needs_one_row(self))
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
                "A criterion gets each label as a binary row unless it has scores_rows = False."
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

    @property
    def unit(self) -> str:
        """Name of the rows that samples own, such as ``"pixels"``; empty for one row a sample."""
        return UNITS.get(self.task, "") if self.outputs is not None else ""

    @cached_property
    def sizes(self) -> Tensor:
        """Number of rows of each sample, ``(N,)``, on the device of the outputs."""
        return sizes_of(self)

    @property
    def guesses(self) -> Tensor:
        """The most probable class ``(N,)``; for labels and values ``(N, C)``.

        A label is 1 from a mean probability of 0.5, else 0; a value is the mean of its samples.
        With owners, the guess of each row.
        """
        if self.owners is not None:
            return self.rows().guesses
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
