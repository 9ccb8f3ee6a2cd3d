"""``collate_fn`` of a user, for batches without labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from alkit.errors import ConfigurationError
from alkit.pool.labels import ABSENT

if TYPE_CHECKING:
    from alkit.pool.dataset import ActiveLearningDataset


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
        self._check_order(inputs)
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
        """Collate the positions of the inputs as their labels, and raise if their order changes.

        A function that sorts its items, as for packed sequences, would give scores to other
        samples. Nothing is checked where it does not take such labels.
        """
        positions = range(len(inputs))
        try:
            labeled = zip(inputs, positions, strict=True)
            if isinstance(inputs[0], dict):
                batch = self.collate([{**x, self.key: k} for x, k in labeled])
                found = next(batch[name] for name in (self.key, "labels") if name in batch)
            else:
                found = self.collate([*labeled])[1]
            order = torch.as_tensor(found).flatten().tolist()
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
