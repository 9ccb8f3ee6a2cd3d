"""Source of samples: their inputs, batch by batch, and their names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
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

    def batches(self, ids: np.ndarray | None = None) -> Iterator[tuple[np.ndarray, Any]]:
        """Batches of ids and inputs of some samples, in the order of the ids. Default: of all.

        Raises:
            FeaturesError: there are no inputs, or they are of other samples.
        """
        if self.read is None:
            raise FeaturesError(
                "there are arrays, and no samples: pass these to al.select, inputs=, or use "
                "Given(array) as space."
            )
        wanted = self.ids if ids is None else ids
        done, early = 0, {}  # a loader with several workers may return a later batch first
        for chosen, batch in self.read(wanted):
            early[int(chosen[0])] = np.asarray(chosen), batch
            while done < len(wanted) and int(wanted[done]) in early:
                chosen, batch = early.pop(int(wanted[done]))
                if not np.array_equal(chosen, wanted[done : done + len(chosen)]):
                    raise _other_samples()
                done += len(chosen)
                yield chosen, batch
        if done != len(wanted) or early:
            raise _other_samples()

    def is_list(self, batch: Any, count: int, network: nn.Module | None = None) -> bool:
        """True if an input of ``count`` samples is a list of one per sample.

        False for several inputs, which are collated as a list too. Three images (3, H, W) of one
        sample each look as three inputs of three samples do; so another number of samples is read.
        """
        if not isinstance(batch, list | tuple) or len(batch) != count:
            return False
        if not all(getattr(part, "shape", ())[:1] == (count,) for part in batch):
            return True
        fewer, other = next(self.batches(self.ids[: 1 if count > 1 else 2]))
        return len(self.input_of(other, network)) == len(fewer)

    def describe(self, index: int) -> str:
        """A sample, as errors name it."""
        named = "" if self.names is None else f" ({self.names[index]!r})"
        return f"sample {index}{named}"


def _other_samples() -> FeaturesError:
    return FeaturesError("the loader returned other samples than those that were asked for.")
