"""Fingerprint of the data of a comparison: a sample of its inputs, and all labels."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.data import ConcatDataset, Subset, TensorDataset

from alkit.experiment.trial import randomness
from alkit.pool.fingerprint import fingerprint
from alkit.pool.labels import plain
from alkit.pool.samples import Samples

MOST = 100_000  # items that are read for their labels; of more, as many, evenly spread
Key = tuple[str, str]  # strategy, and use of its data
PROBES = 20  # items that show whether the `targets` of a dataset are its labels


def content(dataset: Any) -> dict[str, Any]:
    """Fingerprint of a dataset: its length, the inputs of some items, and its labels.

    Cost: the labels of a TensorDataset, of a dataset with ``targets`` (as those of torchvision),
    and of Subsets and ConcatDatasets of these, are read at once. Of others, each item is read once,
    as for one query, up to 100,000 items.
    """
    digest = hashlib.sha256()
    with randomness(0):
        for label in _labels(dataset):
            digest.update(json.dumps(plain(label), default=str).encode() + b"\n")
        inputs = fingerprint(dataset)
    return {
        "samples": len(dataset),
        "inputs": f"#{inputs}",
        "labels": f"#{digest.hexdigest()[:16]}",
    }


def contents(datasets: Mapping[Key, Any]) -> dict[Key, dict[str, Any]]:
    """The content of named datasets; one that has several names is read once."""
    found = {id(dataset): dataset for dataset in datasets.values()}
    read = {key: content(dataset) for key, dataset in found.items()}
    return {name: read[id(dataset)] for name, dataset in datasets.items()}


def _labels(dataset: Any) -> Iterable[object]:
    at_hand = _at_hand(dataset)
    if at_hand is not None:
        return at_hand
    return (_read(dataset, index) for index in _spread(len(dataset), MOST))


def _at_hand(dataset: Any) -> list[Any] | None:
    """All labels without a read of the items, or None if the dataset does not have them so."""
    if type(dataset) is TensorDataset and len(dataset.tensors) == 2:
        return dataset.tensors[1].tolist()
    if type(dataset) is Subset:
        whole = _at_hand(dataset.dataset)
        return None if whole is None else [whole[index] for index in dataset.indices]
    if type(dataset) is ConcatDataset:
        parts = [_at_hand(part) for part in dataset.datasets]
        return None if None in parts else [label for part in parts for label in part or ()]
    targets = getattr(dataset, "targets", None)
    if not isinstance(targets, list | tuple | np.ndarray | Tensor) or len(targets) != len(dataset):
        return None
    labels = plain(targets)
    probes = _spread(len(dataset), PROBES)
    return labels if all(plain(_read(dataset, k)) == labels[k] for k in probes) else None


def _read(dataset: Any, index: int) -> object:
    try:
        return Samples(dataset, cache=False, label_key="label")[index][1]
    except Exception:  # an item that cannot be read is reported when it is trained on
        return "unreadable"


def _spread(length: int, most: int) -> list[int]:
    return np.unique(np.linspace(0, length - 1, min(length, most)).astype(int)).tolist()
