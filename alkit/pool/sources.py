"""Check of the dataset of a pool: anything but a map-style one is refused, with what to use."""

from __future__ import annotations

from collections.abc import Mapping, Set, Sized
from os import PathLike
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset, Subset

from alkit.errors import ConfigurationError


def check_dataset(dataset: Any, what: str = "a pool") -> None:
    """Raise a ConfigurationError for anything but a map-style dataset with at least one sample."""
    remedy = _remedy(dataset)
    if remedy:
        raise ConfigurationError(
            f"{what} needs a map-style dataset with __len__ and __getitem__, got "
            f"{_shown(dataset)}{remedy}"
        )
    try:
        length = len(dataset)
    except TypeError as error:
        raise ConfigurationError(
            f"{what} needs a map-style dataset with a length, got {_shown(dataset)}: {error}."
        ) from error
    if length == 0:
        raise ConfigurationError(f"{what} needs at least one sample; this dataset has none.")


def _remedy(dataset: Any) -> str:
    """The end of the error for an object that is not a dataset; empty if it may be one."""
    if isinstance(dataset, str | bytes | PathLike):
        return (
            ". Use torchvision.datasets.ImageFolder(folder) for a folder of images by class, or "
            "write a Dataset that reads your files."
        )
    if isinstance(dataset, type):
        return ", the class: create an object of it."
    if isinstance(dataset, DataLoader):
        return ": pass its dataset, loader.dataset."
    if isinstance(dataset, IterableDataset):
        return ", which cannot be read by index. Use list(dataset) if it fits in memory."
    if isinstance(dataset, nn.Module):
        return ", a network; the dataset comes first."
    if _is_pool(dataset):
        return ", which is a pool already: pass its dataset, or use it as it is."
    if hasattr(dataset, "iloc") or (hasattr(dataset, "columns") and hasattr(dataset, "dtypes")):
        return (
            ". Use TensorDataset(X, y) of tensors of its columns, or a list of (x, y) of its rows."
        )
    if isinstance(dataset, Mapping | Set):
        return ". Use TensorDataset(X, y), a list of dict items, or one of its values."
    if _are_columns(dataset):
        return (
            f" of {len(dataset)} columns, which would be {len(dataset)} samples. Use "
            "torch.utils.data.TensorDataset(X, y) with tensors, or a list if these are samples."
        )
    indexed = hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")
    return "" if indexed else ". Use list(...) of its items, or write a Dataset."


def _shown(dataset: Any) -> str:
    short = isinstance(dataset, str | bytes | PathLike | int | float)
    kind = type(dataset).__name__
    return f"{dataset!r} ({kind})" if short else kind


def _is_pool(dataset: Any) -> bool:
    while isinstance(dataset, Subset):
        dataset = dataset.dataset
    return hasattr(dataset, "unannotated_indices")


def _are_columns(dataset: Any) -> bool:
    """True for ``(X, y)``: inputs and labels, which are not two samples of one form."""
    if not isinstance(dataset, tuple | list) or len(dataset) != 2:
        return isinstance(dataset, tuple) and len(dataset) > 2 and all(map(_is_array, dataset))
    x, y = dataset
    if not all(_is_array(part) or isinstance(part, list | tuple) for part in dataset):
        return False
    length = _length(x)
    if length is None or length != _length(y):
        return False
    if _is_array(x) and _is_array(y):
        return isinstance(dataset, tuple) or x.ndim != y.ndim
    return length > 2  # lists: two items of that many parts are not (x, y) either


def _is_array(part: Any) -> bool:
    return isinstance(part, Tensor | np.ndarray) or hasattr(part, "iloc")


def _length(part: Sized) -> int | None:
    try:
        return len(part)
    except TypeError:  # an array without dimensions
        return None
