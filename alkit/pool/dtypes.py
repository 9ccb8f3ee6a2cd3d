"""Dtypes of labels that are tensors, and the plain labels that fit into them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor


def changed_by(label: Any, dtype: torch.dtype) -> bool:
    """True if a plain label would be another one in a dtype; a float may be rounded.

    False where a label keeps its own type, as text and fractions among integers do.
    """
    if not isinstance(label, int | float | list):
        return False
    value = exact(label)
    if value.dtype == dtype or not torch.can_cast(value.dtype, dtype):
        return False
    cast = value.to(dtype)
    if not value.is_floating_point():
        return cast.tolist() != value.tolist()
    limits = torch.finfo(dtype)
    return not torch.isclose(cast.to(value), value, rtol=limits.eps, atol=limits.tiny).all()


def exact(label: Any) -> Tensor:
    """A tensor of 64 bits."""
    if isinstance(label, list):
        return torch.from_numpy(np.asarray(label))
    return torch.as_tensor(label, dtype=torch.float64 if isinstance(label, float) else None)
