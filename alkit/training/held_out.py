"""Labeled data for validation and tests, whose labels pass the gate of the pool."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from alkit.errors import LabelError
from alkit.pool import ActiveLearningDataset
from alkit.pool.collating import with_labels
from alkit.pool.gate import Gate
from alkit.pool.labels import plain, sample_named
from alkit.pool.loaders import eval_loader
from alkit.training.batches import Places


def labeled_loader(
    name: str,
    data: Any,
    pool: ActiveLearningDataset,
    batch_size: int,
    options: Mapping[str, Any],
) -> DataLoader:
    """Loader of all samples of a labeled dataset in their order; of a pool, the annotated ones.

    Args:
        name: argument that the dataset was, for errors.
        data: the dataset.
        pool: the pool of the strategy.
        batch_size: number of samples in a batch.
        options: further arguments of the DataLoader.
    """
    collate = options.get("collate_fn") or partial(with_labels, key=pool.label_key)
    if isinstance(data, ActiveLearningDataset):
        view = data.view(data.annotated_indices, labels=True, scoring=True)
        options = {**options, "collate_fn": collate}
        return eval_loader(view, batch_size, **options)
    places = Places(None, pool.input_key, pool.label_key)
    checked = Checked(collate, name, data, places, pool._labels.gate)
    return eval_loader(data, batch_size, **{**options, "collate_fn": checked})


def validation_data(pool: ActiveLearningDataset | None, data: Any) -> Any:
    """The dataset, else the pool if a sample of it is annotated, else None."""
    if data is None and pool is not None and pool.get_num_annotated():
        return pool
    return data


@dataclass
class Checked:
    """A ``collate_fn`` whose batches have labels of the pool; names of classes become numbers.

    Args:
        collate: the function that makes the batches.
        name: argument that the dataset was.
        data: the dataset.
        places: place of the label in items and batches.
        gate: check of each label.
    """

    collate: Callable[[list[Any]], Any]
    name: str
    data: Any
    places: Places
    gate: Gate

    def __call__(self, items: list[Any]) -> Any:
        try:
            batch = self.collate(items)
        except Exception:
            self._check(map(self.places.label_of, items))  # a label may be the reason
            raise
        labels = self.places.label_of(batch)
        if isinstance(labels, tuple | list) and labels and isinstance(labels[0], str):
            return self._numbered(batch, self._check(labels))
        if isinstance(labels, Tensor) and labels.numel() and not self.gate.allows(labels):
            self._check(labels)
        return batch

    def _check(self, labels: Any) -> list[Any]:
        try:
            return [self.gate.own(k, label, sample_named) for k, label in enumerate(labels)]
        except LabelError:
            raise self._refused() from None

    def _numbered(self, batch: Any, labels: list[Any]) -> Any:
        """The batch with class numbers for text, if the pool has classes."""
        if self.gate.classes is None:
            return batch
        numbers = torch.tensor(labels)
        if isinstance(batch, Mapping):
            return {**batch, self.places.label_in(batch): numbers}
        return [batch[0], numbers]

    def _refused(self) -> LabelError:
        """The error for the first label of the dataset that is refused; reads up to it."""
        which = f"a sample of {self.name}= has a label that is"
        for position in range(len(self.data)):
            label = self.places.label_of(self.data[position])
            try:
                self.gate.own(position, label, sample_named)
            except LabelError:
                shown = f"{plain(label)!r}"[:60]
                which = f"sample {position} of {self.name}= has the label {shown}, which is"
                break
        return LabelError(
            f"{which} not one that the pool would accept: a class number from 0 or a name out of "
            "classes=, or a finite real value. Keep the samples that have a label, for example "
            f"{self.name}=torch.utils.data.Subset(dataset, positions)."
        )
