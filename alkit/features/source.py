"""Source of samples: their inputs, batch by batch, and their names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from alkit.errors import FeaturesError


@dataclass(frozen=True, eq=False)
class Source:
    """Samples whose features are wanted.

    Attributes:
        ids: ``(M,)`` dataset indices, ascending.
        total: number of samples of the dataset, N.
        read: function from some of the ids to batches of ids and inputs, in their order; None if
            there are row numbers alone, as for ``al.select`` without ``inputs``.
        names: ``(N,)`` names of the samples, or None.
        input_of: function from a batch to the input of a network, or of any use if it is None.
    """

    ids: np.ndarray
    total: int
    read: Callable[[np.ndarray], Iterable[tuple[Any, Any]]] | None = None
    names: Sequence[str] | None = None
    input_of: Callable[[Any, nn.Module | None], Any] = lambda batch, network: batch

    def batches(self, ids: np.ndarray | None = None) -> Iterable[tuple[Any, Any]]:
        """Batches of ids and inputs of some samples. Default: of all.

        Raises:
            FeaturesError: there are no inputs.
        """
        if self.read is None:
            raise FeaturesError(
                "there are arrays, and no samples: pass these to al.select, inputs=, or use "
                "Given(array) as space."
            )
        return self.read(self.ids if ids is None else ids)

    def describe(self, index: int) -> str:
        """A sample, as errors name it."""
        named = "" if self.names is None else f" ({self.names[index]!r})"
        return f"sample {index}{named}"
