"""Batches of items: those of alkit, and a user's ``collate_fn`` where labels are hidden."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import default_collate

from alkit.errors import ConfigurationError, ShapeError
from alkit.pool.labels import ABSENT
from alkit.pool.shapes import in_shape_for, shape_of

if TYPE_CHECKING:
    from alkit.pool.dataset import ActiveLearningDataset


def collated(items: list[Any]) -> Any:
    """A batch of torch's ``default_collate``.

    Raises:
        ShapeError: the items have arrays of different shapes.
    """
    try:
        return default_collate(items)
    except RuntimeError as error:
        if "equal size" not in str(error):
            raise
        raise ShapeError(
            f"samples of different shapes do not fit into one batch ({error}): pass loader="
            '{"collate_fn": function} to the strategy, which makes a batch of a list of items, by '
            "padding them or as lists, lambda items: tuple(zip(*items)); or let the dataset resize."
        ) from error


def with_labels(items: list[Any], key: str | None) -> Any:
    """A batch of labeled items ``(x, y)`` or dicts; boxes, any number per image, stay a list.

    Labels that are lists of numbers become arrays.

    Args:
        items: labeled items of a pool.
        key: the key of the label in dict items.
    """
    first = items[0]
    if isinstance(first, Mapping) and key in first:
        labels = [item[key] for item in items]
    elif isinstance(first, tuple | list) and len(first) == 2:
        labels = [label for _, label in items]
    else:
        return collated(items)
    if not any(isinstance(label, Mapping | list | tuple) for label in labels):
        return collated(items)
    if not isinstance(first, Mapping):
        return [collated([x for x, _ in items]), _labels(labels)]
    rest = [{name: part for name, part in item.items() if name != key} for item in items]
    return {**collated(rest), key: _labels(labels)}


def _labels(labels: list[Any]) -> Any:
    """Labels of which some are dicts or lists."""
    dicts = (isinstance(label, Mapping) for label in labels)
    if any(dicts) or any(isinstance(part, Mapping) for label in labels for part in label[:1]):
        return labels
    arrays = [isinstance(label, Tensor | np.ndarray) or _is_array(label) for label in labels]
    return collated([torch.as_tensor(label) for label in labels] if all(arrays) else labels)


def _is_array(label: Any) -> bool:
    return isinstance(label, list | tuple) and not any(isinstance(part, str) for part in label)


def for_inputs(options: Mapping[str, Any], pool: ActiveLearningDataset) -> dict[str, Any]:
    """Options of a loader for samples without labels: its ``collate_fn`` still gets whole items.

    In the place of each label is that of an annotated sample, and it is taken out of the batch.
    Without annotated samples, ``collate_fn`` gets the inputs alone.
    """
    collate = options.get("collate_fn")
    if collate is None:
        return dict(options)
    return {**options, "collate_fn": CollatedInputs(collate, *_stand_in(pool))}


def _stand_in(pool: ActiveLearningDataset) -> tuple[object, str, object]:
    """Label of an annotated sample, ABSENT without one, the key of labels, and its input."""
    key = pool._samples.label_key or "label"
    if not pool.get_num_annotated():
        return ABSENT, key, None
    item = pool._reader.view(pool.annotated_indices[:1], None, True)[0]
    if isinstance(item, dict):
        return item[key], key, {name: part for name, part in item.items() if name != key}
    return item[1], key, item[0]


@dataclass
class CollatedInputs:
    """``collate_fn`` of a user for items ``(x, y)`` or dicts, called for inputs without labels.

    Args:
        collate: the function.
        label: the label that stands in; ``ABSENT`` if there is none.
        key: the key of the label in dict items.
        own: the input of that label; a mask has the size of its image, and so for others.
    """

    collate: Callable[[list[Any]], Any]
    label: object
    key: str
    own: object = None

    def __call__(self, inputs: list[Any]) -> Any:
        self._check_order(inputs)
        if self.label is ABSENT:
            return self._alone(inputs)
        if not isinstance(inputs[0], dict):
            return self._input(self.collate([(x, self._label_for(x)) for x in inputs]))
        try:
            return self.collate(inputs)
        except Exception:  # a function that reads the label
            batch = self.collate([{**x, self.key: self._label_for(x)} for x in inputs])
            return self._input(batch)

    def _label_for(self, x: object) -> Any:
        return in_shape_for(self.label, self.own, x)

    def _check_order(self, inputs: list[Any]) -> None:
        """Collate the positions of the inputs as their labels, and raise if their order changes.

        A function that sorts its items, as for packed sequences, would give scores to other
        samples. Nothing is checked where it does not take such labels.
        """
        positions = range(len(inputs))
        several = shape_of(self.label) != ()
        marks: list[Any] = [*positions]
        if several:
            shapes = [shape_of(self._label_for(x)) for x in inputs]
            marks = [torch.full(shape, k) for k, shape in enumerate(shapes)]
            marks = [mark.tolist() for mark in marks] if isinstance(self.label, list) else marks
        try:
            labeled = zip(inputs, marks, strict=True)
            if isinstance(inputs[0], dict):
                batch = self.collate([{**x, self.key: k} for x, k in labeled])
                found = next(batch[name] for name in (self.key, "labels") if name in batch)
            else:
                found = self.collate([*labeled])[1]
            found = torch.as_tensor(found)
            found = found.flatten(1).amax(1) if several else found.flatten()  # without padding
            order = found.tolist()
        except Exception:  # labels of another form
            return
        if order != [*positions] and sorted(order) == [*positions]:
            raise ConfigurationError(
                "collate_fn changes the order of the samples, so scores would belong to other "
                "samples: keep the order, for example with enforce_sorted=False of "
                "pack_padded_sequence."
            )

    def _alone(self, inputs: list[Any]) -> Any:
        try:
            return self.collate(inputs)
        except Exception as error:
            raise ConfigurationError(
                f"collate_fn failed on inputs without labels ({type(error).__name__}: {error}). "
                "Annotate a sample first, whose label then stands in for those that are hidden, "
                "or let collate_fn accept inputs alone."
            ) from error

    def _input(self, batch: Any) -> Any:
        if isinstance(batch, Mapping):  # "labels" is the name that Hugging Face's collators give
            drop = (self.key, "labels")
            return {name: value for name, value in batch.items() if name not in drop}
        if not isinstance(batch, tuple | list):
            return batch
        if len(batch) != 2:
            raise ConfigurationError(
                f"collate_fn returned {len(batch)} parts, and which of them is the label is not "
                "known: return (inputs, labels), where inputs may be a tuple or a dict, or a dict."
            )
        return batch[0]
