"""Files that are written whole or not at all, whenever the process ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alkit.errors import FolderError


def write_whole(path: Path, content: str | bytes) -> None:
    """Put a file in place of another at once: a reader sees the old one or the new one, whole.

    It is on the disk when this returns. Its folder is made if it is missing.

    Raises:
        FolderError: it cannot be written; the old one is as it was.
    """
    data = content.encode() if isinstance(content, str) else content
    beside = path.with_name(f".{path.name}.part")  # of a killed process it is written over
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(beside, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)


def append(path: Path, text: str) -> None:
    """Add text to a file in one write.

    Raises:
        FolderError: it cannot be written.
    """
    with writing(path), open(path, "ab", buffering=0) as file:
        data = text.encode()
        written = file.write(data)
        if written != len(data):
            raise OSError(f"only {written} of {len(data)} bytes were written")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Errors of the file system as a FolderError that names the file and what to do."""
    try:
        yield
    except FolderError:
        raise
    except OSError as error:
        raise FolderError(
            f"{path} cannot be written: {error.strerror or error}. What was finished before is "
            "kept. Make room, or the folder writable, and start again with the same folder."
        ) from error


def _sync_folder(folder: Path) -> None:
    """Have the new name of a file on the disk; where folders can be opened, as on Linux."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
