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
        """The given samples, read on access."""
        read, stack = (partial(how, transform, labels) for how in (self.read, self._stack))
        return PoolView(ids, read, stack)

    def read(self, transform: Transform | None, labels: bool, index: int) -> object:
        """An input, or input and label in the form of the dataset's items."""
        if labels and not self._known.is_annotated(index):
            raise AnnotationError(f"sample {index} of this view is no longer annotated.")
        x, label = self._samples[index]
        seen = x if transform is None else transform(x)
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
