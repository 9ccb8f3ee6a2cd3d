"""A folder that one process at a time works in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from alkit.errors import FolderError
from alkit.evidence.atomic import writing

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

_held: set[int] = set()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep others out of a folder until the block, or this process, ends, however it ends.

    Where there is no ``fcntl`` (Windows) nobody is kept out.

    Raises:
        FolderError: another process, or another run of this one, works in it.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    _held.add(handle)
    try:
        _take(handle, folder)
        yield
    finally:
        _held.discard(handle)
        os.close(handle)


def _take(handle: int, folder: Path) -> None:
    if fcntl is None:
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(handle, 20, 0).decode() or "unknown"
        raise FolderError(
            f"another run works in {folder} (process {holder}). Wait for it or stop it, or take "
            "another folder."
        ) from None
    with suppress(OSError):  # the number is for the message alone
        os.truncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)


def _let_go() -> None:
    for handle in _held:
        with suppress(OSError):
            os.close(handle)
    _held.clear()


if fcntl is not None:  # workers that are forked meanwhile would hold the lock beyond its holder
    os.register_at_fork(after_in_child=_let_go)
