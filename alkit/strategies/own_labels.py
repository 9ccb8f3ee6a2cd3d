"""Labels of a dataset that a pool used, so that the state over other labels is noticed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any
from weakref import WeakKeyDictionary

from alkit.errors import ConfigurationError
from alkit.pool import ActiveLearningDataset
from alkit.pool.fingerprint import fixed_draws
from alkit.pool.labels import plain

_read: WeakKeyDictionary[ActiveLearningDataset, dict[int, Any]] = WeakKeyDictionary()


def own_labels(pool: ActiveLearningDataset) -> dict[int, Any] | None:
    """The labels of the annotated samples that are the dataset's own, by index.

    Of labels with several values, a hash. None if a sample cannot be read. Cost: each item is read
    once for all calls with the same pool.
    """
    given = {index for index, _ in pool.state_dict()["labels"]}
    own = [index for index in pool.annotated_indices.tolist() if index not in given]
    known = _read.setdefault(pool, {})
    new = [index for index in own if index not in known]
    try:
        with fixed_draws():  # the random state is part of what is saved
            known.update(zip(new, map(_told, pool.labels_of(new)), strict=True))
    except Exception:  # unreadable samples are reported when they are trained on
        return None
    return {index: known[index] for index in own}


def check_labels(pool: ActiveLearningDataset, saved: Mapping[int, Any] | None) -> None:
    """Raise a ConfigurationError if a label of the dataset is not the one that was saved."""
    now = own_labels(pool)
    if saved is None or now is None:  # a file of an earlier version, or unreadable samples
        return
    for index, label in saved.items():
        if index in now and now[index] != label:
            raise ConfigurationError(
                f"the label of sample {index} in the dataset was {label!r} and is {now[index]!r}."
            )


def _told(label: object) -> Any:
    label = plain(label)
    if isinstance(label, bool | int | float | str):
        return label
    text = json.dumps(label, default=str).encode()
    return f"#{blake2b(text, digest_size=8).hexdigest()}"
