"""Loaders whose error names the part of a dataset that cannot be sent to a spawned worker."""

from __future__ import annotations

from collections.abc import Iterable
from multiprocessing import get_context
from multiprocessing.reduction import ForkingPickler
from typing import Any

from torch.utils.data import DataLoader, Dataset

from alkit.errors import ConfigurationError
from alkit.pool.handles import Nowhere


class OfView(Dataset):
    """Dataset of what is read from a view of a pool, for a loader.

    Args:
        view: the view, or another dataset of one.
    """

    def __init__(self, view: Any) -> None:
        self._view = view

    @property
    def sent(self) -> dict[str, Any]:
        """Parts of the user that a worker gets."""
        return self._view.sent

    def __len__(self) -> int:
        return len(self._view)


class Loader(DataLoader):
    """torch's DataLoader, with an error that names the part that cannot be pickled.

    Workers that are spawned, not forked, get the dataset pickled.
    """

    def __iter__(self) -> Any:
        try:
            return super().__iter__()
        except Exception as error:
            if self.num_workers:
                self._check(error)
            raise

    def checked(self) -> Loader:
        """Return the loader after a check, since a fit of Lightning hides an error of its start.

        Cost: if workers are spawned, the dataset is pickled once more.
        """
        context = self.multiprocessing_context or get_context()
        if self.num_workers and context.get_start_method() != "fork":
            self._check()
        return self

    def _check(self, cause: Exception | None = None) -> None:
        found = _culprit(self._sent())
        if found is not None:
            raise ConfigurationError(_message(*found)) from cause or found[2]

    def _sent(self) -> Iterable[tuple[str, Any]]:
        """Names and objects of the user that a worker gets."""
        parts = getattr(self.dataset, "sent", None)  # a view of a pool has it
        yield from [("dataset", self.dataset)] if parts is None else parts.items()
        yield from (("collate_fn", self.collate_fn), ("worker_init_fn", self.worker_init_fn))


def _culprit(parts: Iterable[tuple[str, Any]]) -> tuple[str, Any, Exception] | None:
    """Path, value and error of the innermost part that cannot be pickled; None if all can."""
    for path, value in parts:
        if error := _failure(value):
            inner = _culprit((f"{path}{name}", part) for name, part in _inside(path, value))
            return inner or (path, value, error)
    return None


def _failure(value: Any) -> Exception | None:
    try:
        ForkingPickler(Nowhere()).dump(value)
    except Exception as error:
        return error
    return None


def _inside(path: str, value: Any) -> Iterable[tuple[str, Any]]:
    """Attributes of a dataset, as it is pickled, and what a list or dict holds."""
    if type(value) is dict:
        return [(f"[{key!r}]", part) for key, part in value.items()]
    if type(value) in (list, tuple):
        return [(f"[{place}]", part) for place, part in enumerate(value)]
    if not isinstance(value, Dataset) and path != "dataset":
        return []
    try:
        state = value.__getstate__()
    except Exception:  # its own error is the one that is shown
        return []
    return [(f".{name}", part) for name, part in state.items()] if isinstance(state, dict) else []


def _message(path: str, value: Any, error: Exception) -> str:
    kind = type(value).__name__
    whole = isinstance(value, Dataset) or callable(value)
    remedy = (
        "define it at the top level of a module, not as a lambda or inside a function"
        if whole
        else "define __getstate__ of the dataset, which leaves it out, and open it again where it "
        "is missing; or open the file in __getitems__, as docs/how-to/pool_larger_than_memory.md "
        "shows"
    )
    return (
        f"spawned workers get a pickled dataset, and {path}, a {kind}, cannot be pickled "
        f"({type(error).__name__}: {error!s:.200}): {remedy}. num_workers=0 avoids both."
    )
