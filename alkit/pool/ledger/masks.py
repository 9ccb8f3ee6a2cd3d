"""Masks in a ledger: run lengths, which are far shorter than their pixels."""

from __future__ import annotations

from typing import Any

import numpy as np

RUNS = "run lengths"  # key of values and lengths in turn, row by row
SHAPE = "shape"


def packed(label: Any) -> Any:
    """An array of integers with several axes as run lengths, if these are fewer than its values.

    Any other label stays as it is. Cost: O(pixels).
    """
    if not isinstance(label, list) or not label or not isinstance(label[0], list):
        return label
    try:
        values = np.asarray(label)
    except ValueError:  # rows of different lengths
        return label
    if values.dtype.kind != "i" or not values.size:
        return label
    flat = values.ravel()
    starts = np.concatenate([[0], np.flatnonzero(np.diff(flat)) + 1])
    if 2 * len(starts) >= len(flat):
        return label
    lengths = np.diff(starts, append=len(flat))
    return {SHAPE: list(values.shape), RUNS: np.stack([flat[starts], lengths], 1).ravel().tolist()}


def unpacked(label: Any) -> Any:
    """The array of run lengths as nested lists; any other label stays as it is."""
    if not isinstance(label, dict) or label.keys() != {SHAPE, RUNS}:
        return label
    values, lengths = np.asarray(label[RUNS], dtype=np.int64).reshape(-1, 2).T
    return np.repeat(values, lengths).reshape(label[SHAPE]).tolist()
