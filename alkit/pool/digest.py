"""Hashes of a pool, of its data and of its annotations, to compare those of several processes."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

from alkit.pool.fingerprint import content_hash
from alkit.pool.labels import ABSENT

if TYPE_CHECKING:
    from alkit.pool.dataset import ActiveLearningDataset


def of_data(pool: ActiveLearningDataset) -> str:
    """Hash of the length, names, ``among``, classes and 16 inputs, read at the first use."""
    identity = pool._identity
    parts = (len(pool), identity.fingerprint, identity.inputs, identity.among, pool.classes)
    return _hash(repr(parts).encode())


def of_annotations(pool: ActiveLearningDataset) -> dict[str, str | None]:
    """Hashes of the candidates, of the rounds and of the labels; None for labels not read yet.

    Labels of the dataset that are arrays are left out. Cost: O(N), no item is read.
    """
    known = pool._known
    labels = []
    for index in known.annotated.tolist():
        label = known.labels.get(index, ABSENT)
        label = known.read.get(index, ABSENT) if label is ABSENT else label
        if label is ABSENT:
            labels = None
            break
        labels.append(label)
    return {
        "rounds": _hash(known.rounds.tobytes()),
        "candidates": _hash(np.ascontiguousarray(known.unannotated).tobytes()),
        "labels": None if labels is None else content_hash(labels),
    }


def _hash(content: bytes) -> str:
    return blake2b(content, digest_size=8).hexdigest()
