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
from alkit.pool.boxes import are_boxes
from alkit.pool.labels import ABSENT

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


def _stand_in(pool: ActiveLearningDataset) -> tuple[object, str]:
    """Label of an annotated sample, ABSENT without one, and the key of labels in dict items."""
    key = pool._samples.label_key or "label"
    if not pool.get_num_annotated():
        return ABSENT, key
    item = pool._reader.view(pool.annotated_indices[:1], None, True)[0]
    return (item[key] if isinstance(item, dict) else item[1]), key


@dataclass
class CollatedInputs:
    """``collate_fn`` of a user for items ``(x, y)`` or dicts, called for inputs without labels.

    Args:
        collate: the function.
        label: the label that stands in; ``ABSENT`` if there is none.
        key: the key of the label in dict items.
    """

    collate: Callable[[list[Any]], Any]
    label: object
    key: str

    def __call__(self, inputs: list[Any]) -> Any:
        marked, pairs = self._with_positions(inputs), not isinstance(inputs[0], dict)
        if self.label is ABSENT and pairs and marked is not None:
            return self._input(marked, inputs)  # inputs alone may look like pairs
        if self.label is not ABSENT and pairs:
            return self._input(self.collate([(x, self.label) for x in inputs]), inputs)
        try:
            batch = self.collate(inputs)
        except Exception as error:  # a function that reads the label
            if self.label is not ABSENT:
                marked = self.collate([{**x, self.key: self.label} for x in inputs])
            if marked is not None:
                return self._input(marked, inputs)
            raise ConfigurationError(
                f"collate_fn failed on inputs without labels ({type(error).__name__}: {error}). "
                "Annotate a sample first, whose label then stands in for those that are hidden, "
                "or let collate_fn accept inputs alone."
            ) from error
        _check_order(_order_of(batch, inputs), inputs)
        return batch

    def _with_positions(self, inputs: list[Any]) -> Any:
        """A batch with the positions of the inputs as their labels; None if these are not found.

        Raises:
            ConfigurationError: the order of the positions changes.
        """
        labeled = [(x, _marked(self.label, k)) for k, x in enumerate(inputs)]
        try:
            if isinstance(inputs[0], dict):
                batch = self.collate([{**x, self.key: mark} for x, mark in labeled])
                found = next(batch[name] for name in (self.key, "labels") if name in batch)
            else:
                batch = self.collate(labeled)
                _, found = batch
            order = _positions_in(found)
        except Exception:  # labels of another form
            return None
        _check_order(order, inputs)
        return batch if order == [*range(len(inputs))] else None

    def _input(self, batch: Any, inputs: list[Any]) -> Any:
        """The input of a model in a batch with labels; a tuple of one part per sample is a list."""
        _check_order(_order_of(batch, inputs), inputs)
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
        x = batch[0]
        alike = isinstance(x, tuple) and [*map(_axes, x)] == [*map(_axes, inputs)]
        return list(x) if alike else x  # a tuple would be several inputs of each sample


def _axes(x: object) -> object:
    """Number of axes of an array; of anything else, the object."""
    return x.ndim if isinstance(x, Tensor | np.ndarray) else id(x)


def _marked(own: Any, k: int) -> Any:
    """A label that is, or contains, the position ``k``, in the form of a label."""
    if are_boxes(own):
        return {**own, "labels": torch.full_like(torch.as_tensor(own["labels"]), k)}
    return torch.full_like(own, k) if isinstance(own, Tensor) and own.ndim else k


def _positions_in(found: Any) -> list[int]:
    """Positions in the labels of a batch."""
    if isinstance(found, list | tuple) and are_boxes(found[0]):
        return [int(label["labels"].unique()) for label in found]
    values = torch.as_tensor(found)
    return (values.flatten(1).amax(1) if values.ndim > 1 else values).tolist()  # without padding


def _order_of(batch: Any, inputs: list[Any]) -> list[int]:
    """Positions of the samples whose own images or arrays are listed in a batch, if they are."""
    items = [x.values() if isinstance(x, dict) else (x,) for x in inputs]
    parts = [(part, k) for k, item in enumerate(items) for part in item]
    places = {
        id(part): k for part, k in parts if hasattr(part, "ndim") or hasattr(part, "getbands")
    }
    lists = batch.values() if isinstance(batch, Mapping) else batch
    for part in lists if isinstance(batch, Mapping | tuple | list) else ():
        if isinstance(part, tuple | list):
            order = [places.get(id(one), -1) for one in part]
            if order and -1 not in order:
                return order
    return []


def _check_order(order: list[int], inputs: list[Any]) -> None:
    """Raise if samples are collated in another order, as for packed sequences.

    Their scores would belong to other samples.
    """
    places = [*range(len(inputs))]
    if order != places and sorted(order) == places:
        raise ConfigurationError(
            "collate_fn changes the order of the samples, so scores would belong to other "
            "samples: keep the order, for example with enforce_sorted=False of "
            "pack_padded_sequence."
        )
