"""Lock of a folder, for use by one process at a time."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from alkit.atomic import writing
from alkit.errors import FolderError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

_held: set[int] = set()


@contextmanager
def locked(folder: Path, what: str = "run", file: str = ".lock") -> Iterator[None]:
    """Lock a folder until the block or this process ends, even if the process is killed.

    Without ``fcntl`` (on Windows) the folder is not locked.

    Args:
        folder: the folder.
        what: what uses it, for the message.
        file: name of the file that is locked; another name is another lock.

    Raises:
        FolderError: the folder is in use by another process, or by another run of this one.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / file, os.O_RDWR | os.O_CREAT, 0o644)
    _held.add(handle)
    try:
        _take(handle, folder, what)
        yield
    finally:
        _held.discard(handle)
        os.close(handle)


def wait_for(
    stack: ExitStack, folder: Path, patience: float = math.inf, file: str = ".lock"
) -> None:
    """Lock a folder until a stack ends, as soon as its holder is done with it.

    Args:
        stack: the stack that is to hold the lock.
        folder: the folder.
        patience: number of seconds to wait at most.
        file: see ``locked``.

    Raises:
        FolderError: the folder is in use for longer, or cannot be written.
    """
    end = time.monotonic() + patience
    while True:
        try:
            stack.enter_context(locked(folder, file=file))
            return
        except FolderError as error:
            if "is using" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.05)


def _take(handle: int, folder: Path, what: str) -> None:
    if fcntl is None:
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(handle, 20, 0).decode() or "unknown"
        raise FolderError(
            f"another {what} is using {folder} (process {holder}). Wait for it or stop it, or use "
            "another folder."
        ) from None
    with suppress(OSError):  # the process id is only for the message
        os.truncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)


def _let_go() -> None:
    for handle in _held:
        with suppress(OSError):
            os.close(handle)
    _held.clear()


if fcntl is not None:  # forked workers would keep the lock after its holder has ended
    os.register_at_fork(after_in_child=_let_go)
