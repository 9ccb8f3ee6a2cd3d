"""A pool that has grown: a new pool with the samples of another, and labeled samples from outside.

A pool has the samples of its dataset, whose number is fixed. So samples that arrive later go to a
list, and a new pool has the dataset and this list. The old pool is not changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from alkit.errors import ConfigurationError
from alkit.pool.annotations import OUTSIDE
from alkit.pool.dataset import ActiveLearningDataset
from alkit.pool.form import Form, in_form_of
from alkit.pool.labels import ABSENT, label_kind, plain
from alkit.pool.state import parsed

Arrival = tuple[int, Any, Any]  # its number, its input, and its label


class Grown:
    """Map-style dataset: the items of another one, then further ones.

    Args:
        first: dataset of the first items.
        arrivals: number, input and label of each further item.
        items: the further items, in the form of those of ``first``.
    """

    def __init__(self, first: Any, arrivals: Sequence[Arrival], items: Sequence[Any]) -> None:
        self.first, self.arrivals, self.items = first, list(arrivals), list(items)

    def __len__(self) -> int:
        return len(self.first) + len(self.items)

    def __getitem__(self, index: int) -> Any:
        beyond = index - len(self.first)
        return self.first[index] if beyond < 0 else self.items[beyond]


def grown(pool: ActiveLearningDataset, arrivals: Sequence[Arrival]) -> ActiveLearningDataset:
    """A new pool with the samples and annotations of a pool, and labeled samples after them.

    The new samples are annotated, as one round. Names, classes, transforms and keys are those of
    the pool; new samples are named by their numbers, ``"arrival 7"``. Indices of the pool stay
    valid. The new pool has no ledger. Cost: O(N), and a read of each new sample.

    Args:
        pool: the pool, which is not changed.
        arrivals: number, input and checked label (see ``checked_labels``) of each new sample.
    """
    samples, base = pool._samples, pool._samples.dataset
    samples[0]  # shows the form of the items
    form = _form_of_labels(pool)
    new = [samples.join(x, in_form_of(form, label)) for _, x, label in arrivals]
    known = base if isinstance(base, Grown) else Grown(base, (), ())
    dataset = Grown(known.first, [*known.arrivals, *arrivals], [*known.items, *new])
    size, names, among = len(dataset), pool.names, None
    if names is not None:
        names = [*names, *(f"arrival {number}" for number, _, _ in arrivals)]
    if (pool.rounds == OUTSIDE).any():
        inside = np.flatnonzero(pool.rounds != OUTSIDE)
        among = np.concatenate([inside, np.arange(len(pool), size)])
    larger = ActiveLearningDataset(
        dataset,
        transform=pool._transform,
        scoring_transform=pool._scoring_transform,
        cache=samples._cache is not None,
        names=names,
        label_key=pool.label_key,
        classes=pool.classes,
        missing=pool._labels.gate._missing or None,
        among=among,
        input_key=pool.input_key,
    )
    state = {**pool._known.state_dict(), "length": size}
    larger._book.load(*parsed(state, larger._known))
    larger.annotate(np.arange(len(pool), size))
    return larger


def ungrown(pool: ActiveLearningDataset) -> list[Arrival]:
    """Number, input and label of the samples that a pool has grown by."""
    dataset = pool._samples.dataset
    return list(dataset.arrivals) if isinstance(dataset, Grown) else []


def arrived(pool: ActiveLearningDataset, inputs: Sequence[Any]) -> ActiveLearningDataset:
    """A pool of some inputs without labels, which are read as those of another pool are."""
    return ActiveLearningDataset(
        [x if isinstance(x, dict) else (x, None) for x in inputs],
        transform=pool._transform,
        scoring_transform=pool._scoring_transform,
        label_key=None,
        input_key=pool.input_key,
    )


def takes_dicts(pool: ActiveLearningDataset) -> bool:
    """True if the inputs of a pool are dicts. Cost: a read of one sample."""
    return isinstance(pool._samples[0][0], Mapping)


def check_form(x: object, number: int, dicts: bool) -> None:
    """Raise a ConfigurationError if an input is a dict and those of the pool are not, or reverse.

    A training on both would fail, after the labels were paid for.
    """
    if isinstance(x, Mapping) != dicts:
        raise ConfigurationError(
            f"sample {number} of the stream has an input of the type {type(x).__name__}, and those "
            f"of the pool are {'dicts' if dicts else 'not dicts'}: let the source yield items in "
            "the form of the pool's."
        )


def parted(pool: ActiveLearningDataset, item: Any, number: int) -> tuple[Any, Any]:
    """Input and label of an item in the form of a pool's; ABSENT if it has none.

    The label is not looked at.
    """
    if isinstance(item, Mapping):
        pool._samples._check_input(number, item)
        x = {name: value for name, value in item.items() if name != pool.label_key}
        return x, item.get(pool.label_key, ABSENT) if pool.label_key is not None else ABSENT
    if isinstance(item, tuple | list) and len(item) == 2:
        pool._samples._check_input(number, item[0] if pool.input_key is None else item)
        return item[0], item[1]
    return pool._samples._split(number, item)


def checked_labels(
    pool: ActiveLearningDataset, labels: object, numbers: np.ndarray, earlier: Sequence[Any]
) -> list[Any]:
    """Labels of new samples as plain values, if each may be a label of a pool.

    Args:
        pool: the pool.
        labels: one label per sample.
        numbers: numbers of the samples, for messages.
        earlier: labels of new samples that the pool does not have yet.

    Raises:
        LabelError: a wrong number of labels, or one that is not a label of this pool.
    """
    form = pool._labels.form(np.empty(0, dtype=np.int64))
    if form.kind is None and earlier:
        form = Form(label_kind(plain(earlier[0])), form.dtype)
    return pool._labels.gate.given(labels, numbers, form, _arrival)


def _arrival(number: int) -> str:
    return f"sample {number} of the stream"


def _form_of_labels(pool: ActiveLearningDataset) -> Any:
    """Label of an annotated sample, whose form others must have; None without one."""
    first = pool._known.annotated[:1].tolist()
    return pool._labels.of(first[0], pool._samples[first[0]][1]) if first else None
