"""Order of the samples in a batch, as batches of two show it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor


def moved(batch: Any, twice: Any, place: int) -> bool:
    """True if a part of a batch of two has a sample at the other place.

    Args:
        batch: batch of the sample and a shorter one.
        twice: batch that has the sample twice; parts in which these differ are of the whole batch.
        place: place of the sample.
    """
    if isinstance(batch, Mapping):
        return any(moved(batch[name], twice[name], place) for name in batch)
    if not isinstance(batch, tuple | list) and not getattr(batch, "ndim", 0):
        return False
    if len(batch) == len(twice) == 2 and equal(twice[0], twice[1]):
        here, there = (equal(batch[k], twice[0]) for k in (place, 1 - place))
        return there and not here
    parts = zip(batch, twice) if isinstance(batch, tuple | list) else ()
    return any(moved(part, other, place) for part, other in parts)


def equal(a: Any, b: Any) -> bool:
    """True if two batches are equal, part by part."""
    if type(a) is not type(b):
        return False
    if isinstance(a, Tensor):
        return torch.equal(a, b)
    if isinstance(a, Mapping):
        return a.keys() == b.keys() and all(equal(a[name], b[name]) for name in a)
    if isinstance(a, tuple | list):
        return len(a) == len(b) and all(map(equal, a, b))
    return bool(np.all(a == b))
