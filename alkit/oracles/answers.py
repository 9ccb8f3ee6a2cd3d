"""Answers of an oracle, checked, and random numbers that depend on the sample alone."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any

import numpy as np
from torch import Tensor

from alkit.errors import ConfigurationError, SampleIndexError
from alkit.pool.labels import as_list
from alkit.querying.checks import check_oracle
from alkit.seeds import derive

Oracle = Callable[[np.ndarray], Any]


def checked_oracle(oracle: Oracle) -> Oracle:
    """Return an oracle that can be asked, or raise a ConfigurationError."""
    if oracle is None:
        raise ConfigurationError(
            "an oracle is needed, got None. For the labels of a dataset, use Reveal(dataset)."
        )
    check_oracle(oracle)
    return oracle


def as_indices(indices: Any) -> np.ndarray:
    """Dataset indices as int64 ``(n,)``.

    Raises:
        SampleIndexError: they are anything else.
    """
    ids = indices.detach().cpu().numpy() if isinstance(indices, Tensor) else np.asarray(indices)
    if ids.ndim != 1 or (ids.size and ids.dtype.kind not in "iu"):
        raise SampleIndexError(f"an oracle answers a list of dataset indices, got {indices!r}.")
    return ids.astype(np.int64)


def answers_of(oracle: Oracle, indices: np.ndarray) -> list[Any]:
    """Answers of an oracle as plain values, one per index; None where it has no answer.

    Raises:
        LabelError: the number of answers is not that of the indices.
    """
    return as_list(oracle(indices), len(indices))


def new_among(indices: np.ndarray, known: Container[int]) -> np.ndarray:
    """Distinct indices that are not known, in their order."""
    new = dict.fromkeys(index for index in indices.tolist() if index not in known)
    return np.array(list(new), dtype=np.int64)


def uniform(seed: int, purpose: str, indices: np.ndarray) -> np.ndarray:
    """A number in [0, 1) for each sample ``(n,)``, whatever it is asked with, and in which order.

    Cost: about 20 microseconds per sample.
    """
    bits = [derive(seed, purpose, index) >> 10 for index in indices.tolist()]
    return np.array(bits, dtype=np.float64) / 2**53
