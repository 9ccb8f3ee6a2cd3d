"""Checks shared by several lessons: finite numbers of the expected shape."""

from __future__ import annotations

import numpy as np
import torch

from alkit.errors import AnswerError


def numbers(found: object, shape: tuple[int, ...], what: str = "the answer") -> np.ndarray:
    """Convert the result of a student's function to an array, and check it.

    Raises AnswerError if the result is None, not numeric, of another shape, or not finite.
    """
    if found is None:
        raise AnswerError(f"{what} is None: is a return statement missing?")
    try:
        array = found.detach() if isinstance(found, torch.Tensor) else found
        array = np.asarray(array, dtype=float)
    except (TypeError, ValueError):
        raise AnswerError(f"{what} should be numeric, not {type(found).__name__}.") from None
    if array.shape != shape:
        raise AnswerError(f"{what} should have shape {shape}; it has {array.shape}.")
    if not np.isfinite(array).all():
        raise AnswerError(f"{what} should be finite everywhere: {array}.")
    return array
