"""Labels of a dataset."""

from __future__ import annotations

from typing import Any

from alkit.errors import LabelError
from alkit.oracles.answers import as_indices
from alkit.pool.labels import ABSENT, plain
from alkit.pool.samples import Samples


class Reveal:
    """The labels of a labeled dataset: a person who is always right.

    It is what ``query_and_update`` does without an oracle; use it where an oracle is needed, or
    with a dataset other than that of the pool. Cost: reads one item per sample.

    Args:
        dataset: map-style dataset of items ``(x, y)`` or dicts.
        label_key: key of the label in dict items.
    """

    def __init__(self, dataset: object, *, label_key: str = "label") -> None:
        self._samples = Samples(dataset, cache=False, label_key=label_key)

    def __call__(self, indices: Any) -> list[Any]:
        """Labels of the samples.

        Raises:
            LabelError: the dataset has no label for a sample.
        """
        return [self._one(index) for index in as_indices(indices).tolist()]

    def _one(self, index: int) -> Any:
        label = self._samples[index][1]
        if label is ABSENT:
            raise LabelError(f"the dataset has no label for sample {index}.")
        return plain(label)

    def __repr__(self) -> str:
        return f"Reveal({type(self._samples.dataset).__name__})"
