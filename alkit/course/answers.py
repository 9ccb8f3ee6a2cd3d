"""What checks of several lessons ask of an answer: numbers of a shape, in an order."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from alkit.errors import AnswerError


def numbers(found: Any, shape: tuple[int, ...], what: str = "the answer") -> np.ndarray:
    """What a function of a student gave, as finite numbers of a shape.

    Raises AnswerError where it is nothing, no numbers, of another shape, or not finite.
    """
    if found is None:
        raise AnswerError(f"{what} is None: is there a return?")
    try:
        array = found.detach() if isinstance(found, torch.Tensor) else found
        array = np.asarray(array, dtype=float)
    except (TypeError, ValueError):
        raise AnswerError(f"{what} should be numbers, not {type(found).__name__}.") from None
    if array.shape != shape:
        raise AnswerError(f"{what} should have shape {shape}; it has {array.shape}.")
    if not np.isfinite(array).all():
        raise AnswerError(f"{what} is not finite everywhere: {array}.")
    return array
