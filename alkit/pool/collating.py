"""Batches of items, with labels of any shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import default_collate

from alkit.errors import ShapeError


def collated(items: list[Any]) -> Any:
    """A batch of torch's ``default_collate``.

    Raises:
        ShapeError: the items have arrays of different shapes.
    """
    try:
        return default_collate(items)
    except RuntimeError as error:
        if "equal size" not in str(error):
            raise
        raise ShapeError(
            f"samples of different shapes do not fit into one batch ({error}): pass loader="
            '{"collate_fn": function} to the strategy, which makes a batch of a list of items, by '
            "padding them or as lists, lambda items: tuple(zip(*items)); or let the dataset resize."
        ) from error


def with_labels(items: list[Any], key: str | None) -> Any:
    """A batch of labeled items ``(x, y)`` or dicts; boxes, any number per image, stay a list.

    Labels that are lists of numbers become arrays.

    Args:
        items: labeled items of a pool.
        key: the key of the label in dict items.
    """
    first = items[0]
    if isinstance(first, Mapping) and key in first:
        labels = [item[key] for item in items]
    elif isinstance(first, tuple | list) and len(first) == 2:
        labels = [label for _, label in items]
    else:
        return collated(items)
    if not any(isinstance(label, Mapping | list | tuple) for label in labels):
        return collated(items)
    if not isinstance(first, Mapping):
        return [collated([x for x, _ in items]), _labels(labels)]
    rest = [{name: part for name, part in item.items() if name != key} for item in items]
    return {**collated(rest), key: _labels(labels)}


def _labels(labels: list[Any]) -> Any:
    """Labels of which some are dicts or lists."""
    dicts = (isinstance(label, Mapping) for label in labels)
    if any(dicts) or any(isinstance(part, Mapping) for label in labels for part in label[:1]):
        return labels
    arrays = [isinstance(label, Tensor | np.ndarray) or _is_array(label) for label in labels]
    return collated([torch.as_tensor(label) for label in labels] if all(arrays) else labels)


def _is_array(label: Any) -> bool:
    return isinstance(label, list | tuple) and not any(isinstance(part, str) for part in label)
