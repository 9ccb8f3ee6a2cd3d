"""Batches of samples without labels: a user's ``collate_fn`` still gets whole items."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from alkit.errors import ConfigurationError
from alkit.pool.batch_order import equal, length, moved
from alkit.pool.labels import ABSENT
from alkit.pool.shapes import in_shape_for, shape_of

if TYPE_CHECKING:
    from alkit.pool.dataset import ActiveLearningDataset


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
        masks: see ``for_inputs``.
    """

    collate: Callable[[list[Any]], Any]
    label: object
    key: str
    own: object = None
    masks: Sequence[str | int] = ()
    _pairs: int = 8  # pairs to compare yet
    _same_length: bool = True  # whether those so far had one length

    def __call__(self, inputs: list[Any]) -> Any:
        self._check_order(inputs)
        batch = self._batch(inputs)
        if self.masks and not any(_has(batch, place) for place in self.masks):
            lengths = [*map(length, inputs)]
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
            return self._input(self.collate([(x, self._label_for(x)) for x in inputs]), inputs)
        try:
            return self.collate(inputs)
        except Exception:  # a function that reads the label
            batch = self.collate([{**x, self.key: self._label_for(x)} for x in inputs])
            return self._input(batch, inputs)

    def _label_for(self, x: object) -> Any:
        return in_shape_for(self.label, self.own, x)

    def _check_order(self, inputs: list[Any]) -> None:
        """Raise if samples are not where they should be in the batch of a pair.

        A function that sorts its items, as for packed sequences, would give scores to other
        samples. The first two samples of different lengths are such a pair, and the first eight
        from outside in. Cost: that of collating 60 samples, whatever their number.
        """
        lengths = [*map(length, inputs)] if self._same_length else []
        pairs = {(lengths.index(min(lengths)), lengths.index(max(lengths)))} if lengths else set()
        pairs |= {(k, len(inputs) - 1 - k) for k in range(min(self._pairs, len(inputs) // 2))}
        for i, j in pairs:
            a, b = sorted((inputs[i], inputs[j]), key=length)
            if i != j and self._moves(a, b):
                raise _another_order()
            self._same_length = self._same_length and length(a) == length(b)
        self._pairs = max(self._pairs - len(inputs) // 2, 0)

    def _moves(self, a: Any, b: Any) -> bool:
        """True if ``b``, the longer one, is not where it should be; False if one cannot tell."""
        try:
            ab, ba, bb = (self._batch([*pair]) for pair in ((a, b), (b, a), (b, b)))
            if equal(ab, ba) and not equal(ab, bb):
                return not equal(ab, self._batch([a, a]))
        except Exception:  # raised again for the whole batch, unless two samples are too few
            return False
        return moved(ab, bb, 1) or moved(ba, bb, 0) or self._labels_move([a, b])

    def _labels_move(self, inputs: list[Any]) -> bool:
        """True if labels that are the positions of their samples come in another order."""
        if self.label is ABSENT or isinstance(inputs[0], dict):
            return False
        marks: list[Any] = [*range(len(inputs))]
        if shape_of(self.label) != ():
            shapes = [shape_of(self._label_for(x)) for x in inputs]
            marks = [torch.full(shape, k) for k, shape in enumerate(shapes)]
            marks = [mark.tolist() for mark in marks] if isinstance(self.label, list) else marks
        try:
            found = torch.as_tensor(self.collate([*zip(inputs, marks, strict=True)])[1])
            order = (found.flatten(1).amax(1) if found.ndim > 1 else found).tolist()
        except Exception:  # labels of another form
            return False
        return order == [*range(len(inputs))][::-1]

    def _alone(self, inputs: list[Any]) -> Any:
        numbered = self._numbered(inputs)
        if numbered is not None and not isinstance(inputs[0], dict):
            return numbered  # to collate_fn, inputs alone may look like pairs
        try:
            return self.collate(inputs)
        except Exception as error:
            if numbered is not None:
                return numbered
            raise ConfigurationError(
                f"collate_fn failed on inputs without labels ({type(error).__name__}: {error}). "
                "Annotate a sample first, whose label then stands in for those that are hidden, "
                "or let collate_fn accept inputs alone."
            ) from error

    def _numbered(self, inputs: list[Any]) -> Any:
        """The input of a batch with numbers for labels; None if these are not in it.

        Raises:
            ConfigurationError: the order of the numbers changes.
        """
        try:
            if isinstance(inputs[0], dict):
                batch = self.collate([{**x, self.key: k} for k, x in enumerate(inputs)])
                found = next(batch[name] for name in (self.key, "labels") if name in batch)
            else:
                batch = self.collate([(x, k) for k, x in enumerate(inputs)])
                _, found = batch
            order = torch.as_tensor(found).flatten().tolist()
        except Exception:  # labels of another form
            return None
        if order == [*range(len(inputs))]:
            return self._input(batch, inputs)
        if sorted(order) == [*range(len(inputs))]:
            raise _another_order()
        return None

    def _input(self, batch: Any, inputs: list[Any]) -> Any:
        """The input of a model in a batch with labels; a tuple of one part per sample is a list."""
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


def _another_order() -> ConfigurationError:
    return ConfigurationError(
        "collate_fn changes the order of the samples, so scores would belong to other samples: "
        "keep the order, for example with enforce_sorted=False of pack_padded_sequence."
    )


def _axes(x: object) -> object:
    """Number of axes of an array; of anything else, the object."""
    return x.ndim if isinstance(x, Tensor | np.ndarray) else id(x)


def _has(batch: Any, place: str | int) -> bool:
    """True if a batch has a part under a key, or at a position."""
    if isinstance(place, str):
        return isinstance(batch, Mapping) and batch.get(place) is not None
    return isinstance(batch, tuple | list) and place < len(batch) and batch[place] is not None
