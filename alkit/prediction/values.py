"""Checks of the values of a prediction's outputs, at once or as its chunks are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from alkit.errors import PredictionError
from alkit.prediction.checks import are_finite, raise_for
from alkit.prediction.chunks import rows_of_a_chunk
from alkit.prediction.probabilities import are_probabilities
from alkit.prediction.readings import Readings


class Checked(Readings):
    """Outputs of a Prediction that are finite and, if so declared, probabilities."""

    unread: ClassVar[bool] = False
    """True, for an instance, until its outputs are checked; see ``read_in_chunks``."""

    if TYPE_CHECKING:

        def _set(self, name: str, value: object) -> None: ...

    def check(self) -> None:
        """Check the outputs now if they are unread; the errors are those of the constructor."""
        if self.unread:
            self._set("unread", False)
            self._check_values(self._needed_outputs())

    def _check_values(self, outputs: Tensor) -> None:
        """Check that outputs are finite and, if so declared, probabilities; chunk by chunk."""
        if not outputs.numel() or all(map(self._passes, outputs.split(rows_of_a_chunk(outputs)))):
            return
        self._check_finite(outputs)
        raise PredictionError(
            f"outputs declared as {self.kind} are negative or "
            f"{'above one' if self._columns_are_binary else 'do not sum to one'}. "
            'Declare what the model returns, for example outputs="logits" for raw scores.'
        )

    def _passes(self, outputs: Tensor) -> bool:
        """Return whether some of the outputs pass the check."""
        if self.kind in ("probabilities", "log_probabilities"):
            return are_probabilities(outputs, self.kind, binary=self._columns_are_binary)
        return are_finite(outputs)

    def _check_finite(self, outputs: Tensor) -> None:
        bad = outputs.isnan() | (outputs == torch.inf)
        if self.kind != "log_probabilities":
            bad |= outputs == -torch.inf
        bad = bad.flatten(1).any(1)
        if self.owners is not None:
            bad = torch.bincount(self.owners[bad], minlength=len(self)) > 0
        raise_for(bad, self.ids, "outputs")
