"""Sources of a stream: iterables of single samples."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from alkit.errors import ConfigurationError, SelectionWarning, warn


def check_source(source: object) -> None:
    """Raise a ConfigurationError for what is not an iterable of single samples."""
    batches = isinstance(source, DataLoader) and source.batch_size is not None
    if batches or not isinstance(source, Iterable):
        raise ConfigurationError(
            f"over takes an iterable of single samples, such as an IterableDataset or a list, "
            f"got {type(source).__name__}. Pass the dataset of a DataLoader, and batch_size= "
            "here; of a map-style dataset, (data[i] for i in range(len(data)))."
        )


def arriving(source: Iterable[Any], input_of: Callable[[Any], Any]) -> Iterator[Any]:
    """Samples of a source one by one, with a warning if its workers repeat each of them.

    Each worker of a DataLoader reads the whole of an IterableDataset that does not share itself
    out, and they take turns, so that equal samples follow each other.

    Args:
        source: the source.
        input_of: function from a sample to its input; labels are not looked at.
    """
    samples = iter(source)
    if not (isinstance(source, DataLoader) and isinstance(source.dataset, IterableDataset)):
        return samples
    first = list(islice(samples, source.num_workers))
    inputs = [input_of(sample) for sample in first]
    if len(inputs) > 1 and all(_equal(inputs[0], x) for x in inputs[1:]):
        warn(
            f"the first {len(inputs)} samples are equal: each of the {source.num_workers} workers "
            f"of the DataLoader seems to read the whole {type(source.dataset).__name__}, so each "
            "sample would be asked for several times. Share the samples out by "
            "torch.utils.data.get_worker_info(), or pass the dataset itself.",
            SelectionWarning,
        )
    return chain(first, samples)


def batched(samples: Iterator[Any], size: int) -> Iterator[list[Any]]:
    """Mini-batches of samples; those before an error of the source come before the error."""
    batch: list[Any] = []
    try:
        for sample in samples:
            batch.append(sample)
            if len(batch) == size:
                yield batch
                batch = []
    except Exception:
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def _equal(a: Any, b: Any) -> bool:
    """True if two inputs are equal, within dicts and lists too."""
    if type(a) is not type(b):
        return False
    if isinstance(a, Mapping):
        return a.keys() == b.keys() and all(_equal(a[name], b[name]) for name in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(_equal, a, b))
    if isinstance(a, Tensor | np.ndarray):
        return np.array_equal(np.asarray(a), np.asarray(b))
    return bool(a == b)
