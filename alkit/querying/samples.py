"""Samples behind the rows of plain arrays, ``inputs=`` of ``al.select``, as a pool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from alkit.errors import ConfigurationError, SampleIndexError
from alkit.pool import ActiveLearningDataset
from alkit.pool.sources import check_dataset
from alkit.querying.row_numbers import RowNumbers
from alkit.training.batches import LABELS


def pool_of(inputs: Any) -> ActiveLearningDataset:
    """A pool of the samples: an array, tensor, nested lists, texts, a dataset or a pool already.

    Raises:
        ConfigurationError: it is none of these, or it is not clear whether it holds labels.
    """
    if isinstance(inputs, ActiveLearningDataset):
        return inputs
    if hasattr(inputs, "__array__") and not isinstance(inputs, Tensor):
        inputs = _of_array(np.asarray(inputs))
    elif isinstance(inputs, list | tuple) and inputs and _are_numbers(inputs[0]):
        inputs = _of_lists(inputs)
    if isinstance(inputs, Tensor) and inputs.ndim:
        return ActiveLearningDataset(TensorDataset(inputs))
    check_dataset(inputs, "inputs=")
    first = inputs[0]
    labels = [key for key in LABELS if isinstance(first, Mapping) and key in first]
    return ActiveLearningDataset(inputs, label_key=labels[0] if labels else None)


def check_pool(pool: ActiveLearningDataset, rows: RowNumbers) -> None:
    """Compare a pool with the rows that are chosen from.

    Raises:
        ConfigurationError: its samples have other names.
        SampleIndexError: one of these rows is not an unannotated sample of the pool.
    """
    held = rows.held(len(pool))
    if pool.names is not None and rows.names is not None:
        theirs = [rows.names[row].strip() for row in held.tolist()]
        pairs = zip(held.tolist(), theirs, map(str.strip, pool.names))
        wrong = next(((row, one, other) for row, one, other in pairs if one != other), None)
        if wrong is not None:
            row, one, other = wrong
            raise ConfigurationError(
                f"row {row} is named {one!r}, and {other!r} in the pool of inputs=: pass "
                "names=pool.names, or leave names out."
            )
    taken = np.setdiff1d(rows.numbers.numpy(), held.numpy()[pool.unannotated_indices])
    if len(taken):
        raise SampleIndexError(
            f"{len(taken):,} rows to choose from, such as row {taken[0]}, are annotated in the pool"
            " of inputs=, excluded, or not in it: pass annotated=pool.annotated_indices and "
            "among=pool.unannotated_indices."
        )


def _are_numbers(row: Any) -> bool:
    """True for a number, and for lists or tuples of numbers of any depth."""
    if isinstance(row, list | tuple):
        return len(row) > 0 and all(map(_are_numbers, row))
    return isinstance(row, int | float | np.number)


def _of_array(array: np.ndarray) -> Any:
    """A tensor of numbers, of float32 if they are floating-point; a list of texts or objects."""
    if array.ndim == 1 and array.dtype.kind in "OUT":
        return array.tolist()
    if array.dtype.kind not in "fiub":
        raise ConfigurationError(
            f"inputs= must be numbers or texts, got an array {array.shape} of {array.dtype}: pass "
            "a dataset of the inputs."
        )
    array = array.astype(np.float32) if array.dtype.kind == "f" else array
    return torch.from_numpy(np.ascontiguousarray(array))


def _of_lists(rows: Sequence[Any]) -> Any:
    if isinstance(rows[0], tuple):
        raise ConfigurationError(
            f"inputs= has tuples of numbers, such as {rows[0]!r:.80}, which may be rows of numbers "
            "or inputs with labels: pass an array of the inputs."
        )
    try:
        return _of_array(np.asarray(rows))
    except ValueError as error:
        raise ConfigurationError(
            f"inputs= has lists of different lengths: {error}. Pad them to one length."
        ) from error
