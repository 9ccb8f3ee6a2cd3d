"""Catalog of a project: the samples as they were when it was last opened, in ``samples.csv``."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from alkit.atomic import write_whole
from alkit.errors import ProjectError
from alkit.project.changes import Changes, compare
from alkit.project.samples.source import Source
from alkit.spreadsheet import escaped, restored

FILE = "samples.csv"
COLUMNS = ("name", "size", "modified", "hash", "problem")
MISSING = "missing"
SETTLED = 2 * 10**9  # nanoseconds after which a file of the same time has the same content
THREADS = 8
CHUNK = 256


@dataclass(frozen=True)
class Row:
    """A sample in the catalog.

    Attributes:
        name: name of the sample.
        size: size in bytes.
        modified: time of the last change in nanoseconds; 0 if the content must be read next time.
        hash: hash of the content; empty if it could not be read.
        problem: reason why the sample is left out; empty if it is not.
    """

    name: str
    size: int
    modified: int
    hash: str
    problem: str = ""


@dataclass(frozen=True)
class Catalog:
    """Samples by name, in the order of their source; those that are missing come last.

    Attributes:
        rows: the samples.
    """

    rows: Mapping[str, Row] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """Names of the samples that can be used."""
        return [name for name, row in self.rows.items() if not row.problem]

    @property
    def problems(self) -> dict[str, str]:
        """Reasons by name of the samples that are left out; missing ones are not among them."""
        rows = self.rows.values()
        return {row.name: row.problem for row in rows if row.problem not in ("", MISSING)}

    @property
    def missing(self) -> list[str]:
        """Names of the samples whose files are gone."""
        return [name for name, row in self.rows.items() if row.problem == MISSING]

    def hashes(self, names: Iterable[str]) -> list[str]:
        """Hashes of the contents of samples."""
        return [self.rows[name].hash for name in names]

    def with_problems(self, problems: Mapping[str, str]) -> Catalog:
        """The catalog with reasons why samples are left out, until their content changes."""
        new = {name: replace(self.rows[name], problem=text) for name, text in problems.items()}
        return Catalog({**self.rows, **new})

    @staticmethod
    def read(path: Path) -> Catalog:
        """Read a catalog; a file that does not exist is an empty one.

        Raises:
            ProjectError: the file is not a catalog; the message names the line.
        """
        try:
            with open(path, newline="", encoding="utf-8") as file:
                return Catalog(_rows(path, csv.reader(file, strict=True)))
        except FileNotFoundError:
            return Catalog()
        except (UnicodeDecodeError, csv.Error) as error:
            raise _damaged(path, str(error)) from error
        except OSError as error:
            raise ProjectError(f"{path} cannot be read: {error.strerror or error}.") from error

    def write(self, path: Path) -> None:
        """Write the catalog, whole or not at all.

        Raises:
            FolderError: the file cannot be written; the old one is unchanged.
        """
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in self.rows.values():
            cells = escaped(row.name), row.size, row.modified, row.hash, escaped(row.problem)
            writer.writerow(cells)
        write_whole(path, file.getvalue())

    def scan(self, source: Source, progress: bool = True) -> tuple[Catalog, Changes]:
        """Compare with the samples of a source as they are now; nothing is written.

        A content is read only if the size of its file, or the time of its last change, differs
        from the catalog's. Cost: 100,000 unchanged files take about a second.

        Args:
            source: the samples.
            progress: if True, a bar shows the time left while contents are read.

        Returns:
            The new catalog, and what changed.
        """
        now = time.time_ns()
        rows = {name: Row(name, 0, 0, "", text) for name, text in source.problems.items()}
        unread: list[str] = []
        for name in source.names:
            before = self.rows.get(name, Row(name, 0, 0, ""))
            try:
                stamp = source.stamp(name)
            except OSError as error:
                rows[name] = _unread(before, error)
                continue
            if before.hash and (before.size, before.modified) == stamp:
                rows[name] = replace(before, problem="") if before.problem == MISSING else before
            else:
                settled = abs(now - stamp.modified) > SETTLED
                rows[name] = Row(name, stamp.size, stamp.modified if settled else 0, "")
                unread.append(name)
        for name, hash in _hashes(source, unread, progress):
            known = isinstance(hash, str)
            before = self.rows.get(name, rows[name])
            if known and hash == before.hash and before.problem != MISSING:
                rows[name] = replace(rows[name], hash=hash, problem=before.problem)
                continue
            rows[name] = replace(rows[name], hash=hash) if known else _unread(before, hash)
        changes = compare(self._contents(), self.missing, Catalog(rows)._contents(), source)
        gone = (self.rows[name] for name in changes.missing)
        rows.update({row.name: replace(row, problem=MISSING) for row in gone})
        return Catalog(rows), changes

    def _contents(self) -> dict[str, str]:
        return {name: row.hash for name, row in self.rows.items() if row.hash}


def _hashes(
    source: Source, names: list[str], progress: bool
) -> Iterator[tuple[str, str | OSError]]:
    """The hash of each content, or the error why it cannot be read; in their order."""

    def read(name: str) -> str | OSError:
        try:
            return source.hash(name)
        except OSError as error:
            return error

    bar = tqdm(total=len(names), desc="samples", unit="", delay=1, disable=not progress)
    with ThreadPoolExecutor(THREADS) as threads, bar:
        for start in range(0, len(names), CHUNK):
            chunk = names[start : start + CHUNK]
            yield from zip(chunk, threads.map(read, chunk))
            bar.update(len(chunk))


def _unread(before: Row, error: OSError | str) -> Row:
    """Row of a sample that cannot be read now; it is read again next time."""
    text = getattr(error, "strerror", None) or error
    return replace(before, modified=0, problem=f"it cannot be read: {text}.")


def _rows(path: Path, reader: Any) -> dict[str, Row]:
    if next(reader, None) != list(COLUMNS):
        raise _damaged(f"{path}, line 1", f"expected the columns {', '.join(COLUMNS)}")
    rows: dict[str, Row] = {}
    for cells in reader:
        where = f"{path}, line {reader.line_num}"
        if len(cells) != len(COLUMNS):
            raise _damaged(where, f"expected {len(COLUMNS)} cells, got {len(cells)}")
        name, size, modified, hash, problem = cells
        if not (size.isdecimal() and modified.isdecimal()):
            raise _damaged(where, "size and modified must be whole numbers")
        if (name := restored(name)) in rows:
            raise _damaged(where, f"{name!r} is there twice")
        rows[name] = Row(name, int(size), int(modified), hash, restored(problem))
    return rows


def _damaged(where: Path | str, reason: str) -> ProjectError:
    return ProjectError(
        f"{where}: {reason}. Undo the change, or delete the file: it is written again from the "
        "samples, but files that were moved since the last opening are then new ones."
    )
