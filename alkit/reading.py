"""Text files of people: read as UTF-8, with the line of what is not."""

from __future__ import annotations

from pathlib import Path

from alkit.errors import ProjectError


def text_of(path: Path, missing: str = "") -> str:
    """The text of a file in UTF-8, with ``\\n`` at the end of lines; a byte order mark is skipped.

    Args:
        path: path of the file.
        missing: end of the message if there is no such file.

    Raises:
        ProjectError: the file is missing, cannot be read, or is not UTF-8; with the line.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ProjectError(f"there is no file {path}{missing}.") from None
    except OSError as error:
        raise ProjectError(f"{path} cannot be read: {error.strerror or error}.") from error
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1  # without a byte order mark
        reason = "this is not UTF-8 text; save the file as UTF-8."
        raise ProjectError(f"{path}, line {line}: {reason}") from None
