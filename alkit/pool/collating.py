"""Batches of items: those of alkit, and a user's ``collate_fn`` where labels are hidden."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import default_collate

from alkit.errors import ConfigurationError, ShapeError
from alkit.pool.labels import ABSENT
from alkit.pool.order import equal, moved

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


def for_inputs(
    options: Mapping[str, Any], pool: ActiveLearningDataset, masks: Sequence[str | int] = ()
) -> dict[str, Any]:
    """Options of a loader for samples without labels: its ``collate_fn`` still gets whole items.

    In the place of each label is that of an annotated sample, and it is taken out of the batch.
    Without annotated samples, ``collate_fn`` gets the inputs alone.

    Args:
        options: options of a DataLoader.
        pool: pool of the samples.
        masks: key or position of the mask that a batch of samples of different lengths needs.
    """
    collate = options.get("collate_fn")
    if collate is None:
        return dict(options)
    return {**options, "collate_fn": CollatedInputs(collate, *_stand_in(pool), masks)}


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
        masks: see ``for_inputs``.
    """

    collate: Callable[[list[Any]], Any]
    label: object
    key: str
    masks: Sequence[str | int] = ()
    _pairs: int = 8  # pairs to compare yet
    _same_length: bool = True  # whether those so far had one length

    def __call__(self, inputs: list[Any]) -> Any:
        self._check_order(inputs)
        batch = self._batch(inputs)
        if self.masks and not any(_has(batch, place) for place in self.masks):
            lengths = [*map(_length, inputs)]
            if len(set(lengths)) > 1:
                raise ConfigurationError(
                    f"the samples have different lengths, such as {min(lengths)} and "
                    f"{max(lengths)}, so collate_fn pads them, and nothing leaves the padding out "
                    f"of their scores: return {self.masks[0]!r} in a dict batch, 1 where a token "
                    "counts, or give a mask by outputs=lambda returned, x: "
                    "al.Prediction.tokens(returned, mask=x > 0)."
                )
        return batch

    def _batch(self, inputs: list[Any]) -> Any:
        if self.label is ABSENT:
            return self._alone(inputs)
        if not isinstance(inputs[0], dict):
            return self._input(self.collate([(x, self.label) for x in inputs]))
        try:
            return self.collate(inputs)
        except Exception:  # a function that reads the label
            batch = self.collate([{**x, self.key: self.label} for x in inputs])
            return self._input(batch)

    def _check_order(self, inputs: list[Any]) -> None:
        """Raise if samples are not where they should be in the batch of a pair.

        A function that sorts its items, as for packed sequences, would give scores to other
        samples. The first two samples of different lengths are such a pair, and the first eight
        from outside in. Cost: that of collating 60 samples, whatever their number.
        """
        lengths = [*map(_length, inputs)] if self._same_length else []
        pairs = {(lengths.index(min(lengths)), lengths.index(max(lengths)))} if lengths else set()
        pairs |= {(k, len(inputs) - 1 - k) for k in range(min(self._pairs, len(inputs) // 2))}
        for i, j in pairs:
            a, b = sorted((inputs[i], inputs[j]), key=_length)
            if i != j and self._moves(a, b):
                raise ConfigurationError(
                    "collate_fn changes the order of the samples, so scores would belong to other "
                    "samples: keep the order, for example with enforce_sorted=False of "
                    "pack_padded_sequence."
                )
            self._same_length = self._same_length and _length(a) == _length(b)
        self._pairs = max(self._pairs - len(inputs) // 2, 0)

    def _moves(self, a: Any, b: Any) -> bool:
        """True if ``b``, the longer one, is not where it should be; False if one cannot tell."""
        try:
            ab, ba, bb = (self._batch([*pair]) for pair in ((a, b), (b, a), (b, b)))
            if equal(ab, ba) and not equal(ab, bb):
                return not equal(ab, self._batch([a, a]))
        except Exception:  # raised again for the whole batch, unless two samples are too few
            return False
        return moved(ab, bb, 1) or moved(ba, bb, 0)

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


def _has(batch: Any, place: str | int) -> bool:
    """True if a batch has a part under a key, or at a position."""
    if isinstance(place, str):
        return isinstance(batch, Mapping) and batch.get(place) is not None
    return isinstance(batch, tuple | list) and place < len(batch) and batch[place] is not None


def _length(x: Any) -> int:
    """Length of a sequence: the largest first axis among its parts; words, if it is only text."""
    parts = x.values() if isinstance(x, Mapping) else x if isinstance(x, tuple) else (x,)
    arrays = [part for part in parts if isinstance(part, list) or getattr(part, "ndim", 0)]
    texts = [part.split() for part in parts if isinstance(part, str)]
    return max(map(len, arrays or texts), default=0)
