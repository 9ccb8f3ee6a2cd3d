"""Atomic file writes: a file is written whole or not at all, whenever the process ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import get_ident

from alkit.errors import ConfigurationError, FolderError


def write_whole(path: Path, content: str | bytes, *, new: bool = False) -> None:
    """Replace a file atomically: a reader sees either the old file or the new one, whole.

    The new file is on disk when this returns. A missing folder is created.

    Args:
        path: the file.
        content: what it holds; text is written as UTF-8.
        new: whether an existing file is an error, also one that another process writes now.

    Raises:
        FolderError: the file cannot be written, or exists; the old one is unchanged.
    """
    data = content.encode() if isinstance(content, str) else content
    writer = f"{os.getpid()}-{get_ident()}." if new else ""
    beside = path.with_name(f".{path.name}.{writer}part")  # overwrites that of a killed process
    if path.exists() and not path.is_file():
        raise FolderError(f"{path} cannot be written: it is not a file. Take another path.")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(beside, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            if new:
                _place_new(beside, path)
            else:
                os.replace(beside, path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def _place_new(beside: Path, path: Path) -> None:
    """Give a written file its name, unless another file has this name."""
    try:
        try:
            os.link(beside, path)
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links
            os.close(os.open(path, os.O_CREAT | os.O_EXCL))
            os.replace(beside, path)
        else:
            beside.unlink()
    except FileExistsError:
        raise FolderError(f"{path} exists already, and is unchanged: take another name.") from None


def as_path(path: object) -> Path:
    """Return a path given as text or as a Path; raise a ConfigurationError for anything else."""
    if not isinstance(path, str | os.PathLike):
        raise ConfigurationError(f"expected a path, as text or as a pathlib.Path, got {path!r}.")
    return Path(path)


def append(path: Path, text: str) -> None:
    """Append text to a file in one write.

    Raises:
        FolderError: the file cannot be written.
    """
    with writing(path), open(path, "ab", buffering=0) as file:
        data = text.encode()
        written = file.write(data)
        if written != len(data):
            raise OSError(f"only {written} of {len(data)} bytes were written")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn file system errors into a FolderError that names the file and the remedy."""
    try:
        yield
    except FolderError:
        raise
    except OSError as error:
        raise FolderError(
            f"{path} cannot be written: {error.strerror or error}. What was written before is "
            "kept. Free up disk space or make the folder writable, then start again."
        ) from error


def sync_folder(folder: Path) -> None:
    """Flush a renamed file's folder entry to disk, where folders can be opened (as on Linux)."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
