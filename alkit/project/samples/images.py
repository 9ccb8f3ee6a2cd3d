"""Image files in a folder and its subfolders."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from alkit.errors import ProjectError
from alkit.project.samples.pictures import decoded, shown_file
from alkit.project.samples.source import Kind, Shown, Stamp, hash_of

SUFFIXES = frozenset(
    ".jpg .jpeg .jpe .jfif .png .gif .bmp .webp .tif .tiff .ppm .pgm .pbm .pnm .avif .jp2".split()
)


class Images:
    """The images in a folder, by relative path with ``/``.

    Hidden files and folders, whose names start with a dot, are skipped, as are files with other
    suffixes. A folder that several links lead to is read once.

    Args:
        folder: path of the folder.
        leave_out: folder that is skipped, as that of the project.

    Raises:
        ProjectError: there is no such folder, or it has no images.
    """

    kind: Kind = "image"

    def __init__(self, folder: str | os.PathLike[str], leave_out: Path | None = None) -> None:
        self.folder = Path(folder)
        self.where = str(folder)
        if not self.folder.is_dir():
            is_file = self.folder.exists()
            raise ProjectError(
                f"{self.where} is a file, not a folder of images."
                if is_file
                else f"there is no folder {self.where}. If it is on a disk that is not connected, "
                "connect it; if it was moved, change the path in project.toml."
            )
        self.problems: dict[str, str] = {}
        found, others = [], Counter[str]()
        for name in _files(self.folder, leave_out, self.problems):
            suffix = os.path.splitext(name)[1].lower()
            if suffix not in SUFFIXES:
                others[suffix or "no suffix"] += 1
            elif reason := _unusable(name):
                self.problems[name.encode("utf-8", "replace").decode()] = reason
            else:
                found.append(name)
        self.names = sorted(found)
        if not found:
            raise ProjectError(self._nothing(others))

    def _nothing(self, others: Counter[str]) -> str:
        text = f"{self.where} has no images that can be read (.jpg, .png, .webp, .tif and others)"
        if others:
            counts = ", ".join(f"{count} {suffix}" for suffix, count in others.most_common(5))
            text += f"; its files are: {counts}"
        if others.keys() & {".heic", ".heif"}:
            return f"{text}. Convert the HEIC files to JPEG."
        texts = others.keys() & {".csv", ".tsv", ".txt"}
        return f"{text}. For texts, give the file as texts=." if texts else f"{text}."

    @property
    def look_alikes(self) -> list[list[str]]:
        """Names that differ, but look the same: in the form of their Unicode characters."""
        groups: dict[str, list[str]] = {}
        for name in self.names:
            if not name.isascii():
                groups.setdefault(unicodedata.normalize("NFC", name), []).append(name)
        return [group for group in groups.values() if len(group) > 1]

    def __len__(self) -> int:
        return len(self.names)

    def read(self, name: str) -> Image.Image:
        """The image, upright, in RGB or grey (L)."""
        return decoded(self.folder / name)

    def image(self, name: str, side: int | None = None) -> Image.Image:
        """The image, at least ``side`` pixels wide and high; see ``pictures.decoded``."""
        return decoded(self.folder / name, side)

    def shown(self, name: str) -> Shown:
        """The image for a page: upright, and at most 1,600 pixels wide and high."""
        return shown_file(self.folder / name)

    def stamp(self, name: str) -> Stamp:
        """Size and last change of the file, its renaming included."""
        facts = os.stat(os.path.join(self.folder, name))
        return Stamp(facts.st_size, max(facts.st_mtime_ns, facts.st_ctime_ns))

    def hash(self, name: str) -> str:
        """Hash of the content of the file."""
        with open(self.folder / name, "rb") as file:
            return hash_of(file)


def _unusable(name: str) -> str:
    """The reason why a file name cannot be the name of a sample; empty if it can."""
    if not _is_text(name):
        return "its name is not UTF-8; rename the file."
    if name != name.strip():
        return "its path begins or ends with a space; rename it."
    return ""


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _files(folder: Path, leave_out: Path | None, problems: dict[str, str]) -> Iterator[str]:
    """Relative paths of all files that are not hidden, each real folder once: links come last."""
    seen = set() if leave_out is None or not leave_out.exists() else {_identity(leave_out)}
    seen.discard(_identity(folder))
    waiting, links = [""], []
    while waiting or links:
        inside = waiting.pop() if waiting else links.pop(0)
        at = os.path.join(folder, inside)
        try:
            if (identity := _identity(at)) in seen:
                continue
            seen.add(identity)
            entries = sorted(os.scandir(at), key=lambda entry: entry.name)
        except OSError as error:
            if not inside:
                raise ProjectError(f"{at} cannot be read: {error.strerror or error}.") from error
            problems[inside] = f"the folder cannot be read: {error.strerror or error}."
            continue
        for entry in entries:
            name = f"{inside}{entry.name}"
            if entry.name.startswith("."):
                continue
            if not _is_folder(entry):
                yield name
            elif entry.is_symlink():
                links.append(f"{name}/")
            else:
                waiting.append(f"{name}/")


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _identity(path: str | os.PathLike[str]) -> tuple[int, int]:
    facts = os.stat(path)
    return facts.st_dev, facts.st_ino
