"""What a learning curve comes to: one number a trial."""

from __future__ import annotations

import numpy as np


def areas(annotated: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Mean result over the labels spent, by trapezoids: ``(R,)`` and ``(T, R)`` to ``(T,)``."""
    if len(annotated) < 2:
        return values.mean(1)
    between = (values[:, 1:] + values[:, :-1]) / 2
    return between @ np.diff(annotated) / (annotated[-1] - annotated[0])
