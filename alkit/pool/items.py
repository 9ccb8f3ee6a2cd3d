"""Items of a dataset as they are, read one by one or several at once, in any process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from typing import Any

from torch.utils.data import ConcatDataset, Subset

from alkit.errors import AlkitError, ConfigurationError
from alkit.pool.handles import Handles, forks
from alkit.pool.labels import Describe, sample_named
from alkit.pool.unreadable import unreadable


class Items:
    """The items of a map-style dataset, and its length when the pool was made.

    Args:
        dataset: the dataset.
    """

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset
        self.length = len(dataset)
        self._parts = [*_indexed(dataset)]
        self._lengths = [*map(len, self._parts)]
        self.describe: Describe = sample_named
        self._handles = Handles(dataset)

    @property
    def at_once(self) -> bool:
        """True if several items are read in one call, ``__getitems__``."""
        return _reads_at_once(self.dataset)

    def one(self, index: int) -> Any:
        """One item.

        Raises:
            UnreadableSampleError: the dataset fails on it; the message names the sample.
        """
        if self._handles.forks != len(forks):
            self._handles.renew()
        try:
            return self.dataset[index]
        except (AlkitError, MemoryError):
            raise
        except Exception as error:
            raise unreadable(error, index, self.dataset, self.describe) from error

    def several(self, indices: list[int]) -> list[Any]:
        """Several items in one call, as loaders read them.

        Raises:
            UnreadableSampleError: see ``one``; all are read one by one to find the sample.
            ConfigurationError: the dataset returns anything but one item per index.
        """
        if self._handles.forks != len(forks):
            self._handles.renew()
        try:
            items = self.dataset.__getitems__(indices)
            if isinstance(items, Iterable) and not isinstance(items, Mapping):
                items = list(items)  # a generator reads here
        except (AlkitError, MemoryError):
            raise
        except Exception as error:
            for index in indices:
                self.one(index)
            raise unreadable(error, indices[0], self.dataset, self.describe, indices[1:]) from error
        if not isinstance(items, list) or len(items) != len(indices):
            got = f"{len(items)}" if isinstance(items, list) else f"a {type(items).__name__}"
            raise ConfigurationError(
                f"__getitems__ of {type(self.dataset).__name__} must return a list of one item per "
                f"index, {len(indices)}, got {got}: items as __getitem__ returns them, not columns."
            )
        return items

    def transformed(self, transform: Callable[[Any], Any], index: int, x: object) -> Any:
        """An input after a transform, which may decode an image of PIL.

        Raises:
            UnreadableSampleError: its file is damaged.
        """
        try:
            return transform(x)
        except (OSError, SyntaxError) as error:  # PIL raises both
            raise unreadable(error, index, self.dataset, self.describe) from error

    def check_length(self) -> None:
        """Raise a ConfigurationError if the dataset has grown or shrunk since."""
        for part, before in zip(self._parts, self._lengths):
            if (now := len(part)) == before:
                continue
            inside = "" if part is self.dataset else f"{type(part).__name__} in the "
            raise ConfigurationError(
                f"the {inside}dataset has {now:,} samples, and had {before:,} when the pool was "
                "made, so an index may be that of another sample: make a new pool. A ledger= with "
                "names= restores the labels by name. Without it, if the first samples are still "
                "the same, call new.annotate(ids, pool.labels_of(ids)) with "
                "ids = pool.annotated_indices."
            )

    def __getstate__(self) -> dict[str, Any]:
        """State without what reading has opened in the dataset."""
        dataset = self._handles.without(self.dataset)
        return {**vars(self), "dataset": dataset, "_handles": None, "_parts": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._handles = Handles(self.dataset)
        self._parts = [*_indexed(self.dataset)]


def _indexed(dataset: Any) -> Iterator[Any]:
    """A dataset, and those whose items it takes by index, if it is a Subset or ConcatDataset."""
    if isinstance(dataset, Sized):  # a Subset needs none of its dataset
        yield dataset
    inside = dataset.datasets if isinstance(dataset, ConcatDataset) else ()
    for part in [dataset.dataset] if isinstance(dataset, Subset) else inside:
        yield from _indexed(part)


def _reads_at_once(dataset: Any) -> bool:
    """Return True if ``__getitems__`` exists and no subclass overrides ``__getitem__`` alone.

    A Subset passes both on to its dataset.
    """
    if type(dataset) is Subset:
        return _reads_at_once(dataset.dataset)
    for owner in type(dataset).__mro__:
        if "__getitems__" in vars(owner) or "__getitem__" in vars(owner):
            return "__getitems__" in vars(owner)
    return False
