"""Tags: named lists of samples in a folder, one readable file each, that selections build on."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from alkit.atomic import write_whole
from alkit.errors import ConfigurationError, likely
from alkit.spreadsheet import escaped

FORMS = (".csv", ".json", ".txt")


@dataclass(frozen=True)
class Tags:
    """The tags in a folder: ``round-1.csv`` is the tag ``round-1``.

    A tag that alkit writes is a CSV file with a column ``name``, or ``id`` where samples have no
    names. Its column ``after`` has the tags that its samples were chosen after, if there are any.
    Files of other tools may also be JSON lists or ``.txt`` files with one name per line.

    Args:
        folder: the folder, which need not exist yet.
    """

    folder: Path

    @property
    def names(self) -> list[str]:
        """Names of all tags, sorted."""
        return sorted({path.stem for path in self._files()})

    def find(self, name: str, *, or_file: bool = False) -> Path:
        """Return the file of a tag, or, if this is allowed, else the file of this path.

        Raises:
            ConfigurationError: no file, or more than one, matches; the message lists the tags.
        """
        files = self._files(name)
        if len(files) > 1:
            several = " and ".join(path.name for path in files)
            raise ConfigurationError(
                f"the tag {name!r} is not clear: {self.folder} has {several}. Remove all but one."
            )
        if files:
            return files[0]
        if or_file and Path(name).is_file():
            return Path(name)
        none = f"there is no tag {name!r} in {self.folder}" + (", and no such file" * or_file)
        raise ConfigurationError(none + (likely(name, self.names) or "; it has no tags."))

    def with_former(self, names: Iterable[str]) -> dict[str, Path]:
        """Return the files of tags, and of those that they were chosen after, and so on."""
        found: dict[str, Path] = {}
        waiting = list(names)
        while waiting:
            name = waiting.pop(0)
            if name not in found:
                found[name] = self.find(name)
                waiting += _after(found[name])
        return found

    def check_new(self, name: str) -> None:
        """Raise a ConfigurationError unless a tag of this name can be written."""
        if not re.fullmatch(r"\w[\w.-]*", name) or Path(name).suffix.lower() in FORMS:
            raise ConfigurationError(
                f"--tag {name!r}: a tag is named with letters, digits, '-', '_' and '.', without "
                "the suffix of a file, such as round-1."
            )
        if files := self._files(name):
            raise ConfigurationError(
                f"the tag {name!r} exists already ({files[0]}): take another name, or remove "
                "the file to choose again."
            )

    def write(
        self, name: str, rows: Sequence[object], *, named: bool, after: Iterable[str] = ()
    ) -> Path:
        """Write a tag that does not exist yet, whole, and return its file.

        Args:
            name: name of the tag.
            rows: names of its samples, or row numbers.
            named: whether the rows are names.
            after: tags that the samples were chosen after.
        """
        self.check_new(name)
        former = ";".join(after)
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["name" if named else "id", *(["after"] if former else [])])
        for row in rows:
            writer.writerow([escaped(str(row)), *([former] if former else [])])
        path = self.folder / f"{name}.csv"
        write_whole(path, text.getvalue(), new=True)
        return path

    def _files(self, name: str | None = None) -> list[Path]:
        """Files of one tag, or of all tags."""
        if not self.folder.is_dir():
            return []
        return sorted(
            path
            for path in self.folder.iterdir()
            if path.suffix.lower() in FORMS
            and not path.name.startswith(".")
            and name in (None, path.stem)
        )


def _after(path: Path) -> list[str]:
    if path.suffix.lower() != ".csv":
        return []
    try:
        with open(path, newline="", encoding="utf-8-sig", errors="replace") as file:
            cells = {row.get("after") or "" for row in csv.DictReader(file)}
    except (OSError, csv.Error):
        return []  # reading the names will explain it
    return sorted({tag for cell in cells for tag in cell.split(";") if tag})
