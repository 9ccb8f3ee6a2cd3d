"""Reading of a pool: an input, with its label only if the sample is annotated."""

from __future__ import annotations

from functools import partial

import numpy as np

from alkit.errors import AnnotationError, ConfigurationError
from alkit.pool.annotations import Annotations
from alkit.pool.boxes import are_boxes
from alkit.pool.labeling import Labeling
from alkit.pool.samples import PoolView, Samples, Transform
from alkit.pool.shapes import is_resized, size_of


class Reader:
    """Reader of single samples and of batches.

    Args:
        samples: items of the dataset.
        known: state of the pool.
        labels: labels of the pool.
    """

    def __init__(self, samples: Samples, known: Annotations, labels: Labeling) -> None:
        self._samples, self._known, self._labels = samples, known, labels

    def view(self, ids: np.ndarray, transform: Transform | None, labels: bool) -> PoolView:
        """The given samples, read on access.

        Raises:
            ConfigurationError: the dataset has grown or shrunk.
        """
        self._samples.items.check_length()
        one, stack = (partial(way, transform, labels) for way in (self.read, self._stack))
        return PoolView(ids, one, partial(self.read_several, transform, labels), stack)

    def read(self, transform: Transform | None, labels: bool, index: int) -> object:
        """An input, or input and label in the form of the dataset's items."""
        if labels and not self._known.is_annotated(index):
            raise _gone(index)
        return self._made(transform, labels, index, *self._samples[index])

    def read_several(self, transform: Transform | None, labels: bool, indices: np.ndarray) -> list:
        """Results of ``read`` for several samples, in one read if the dataset supports it."""
        ids = indices.tolist()
        if not self._samples.items.at_once:  # a transform may draw numbers in turn with the dataset
            return [self.read(transform, labels, index) for index in ids]
        for index in ids if labels else ():
            if not self._known.is_annotated(index):
                raise _gone(index)
        pairs = zip(ids, self._samples.several(ids), strict=True)
        return [self._made(transform, labels, index, *pair) for index, pair in pairs]

    def _made(
        self, transform: Transform | None, labels: bool, index: int, x: object, label: object
    ) -> object:
        seen = x if transform is None else self._samples.items.transformed(transform, index, x)
        if not labels:
            return seen
        label = self._labels.of(index, label)
        if seen is not x and are_boxes(label) and is_resized(x, seen):
            raise ConfigurationError(
                f"transform= changes the size of the image of sample {index} from {size_of(x)} to "
                f"{size_of(seen)}, and its boxes stay as they are: resize both in the dataset, or "
                "let the detector do it."
            )
        return self._samples.join(seen, label)

    def _stack(self, transform: Transform | None, labels: bool, indices: np.ndarray) -> object:
        """A batch as a loader would collate it, if one read is enough; else None."""
        one_by_one = transform is not None or (labels and self._known.labels)
        if one_by_one or (labels and (self._known.rounds[indices] < 0).any()):
            return None  # reading one by one reports a sample that is no longer annotated
        return self._samples.stacked(indices, self._labels if labels else None)


def _gone(index: int) -> AnnotationError:
    return AnnotationError(f"sample {index} of this view is no longer annotated.")
