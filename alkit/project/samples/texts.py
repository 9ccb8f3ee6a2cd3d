"""Texts in a file: rows of a table, or lines."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from pathlib import Path

from alkit.errors import ProjectError, likely
from alkit.project.samples.source import Kind, Shown, Stamp, hash_of
from alkit.reading import text_of

TABLES = {".csv": ",", ".tsv": "\t"}
COLUMN = "text"


class Texts:
    """The texts in a file, in memory.

    A ``.txt`` file has one text per line; lines without text are skipped. A ``.csv`` or ``.tsv``
    file has a row of column names first. A text that no column names is named by its line and the
    hash of its content, as in ``"12-3f2a9c81"``: when lines are inserted above it, the catalog
    finds it again.

    Args:
        path: path of the file, in UTF-8.
        column: column of the texts. Default: ``text``, or the only column.
        names: column of the names, which must be distinct. Default: none.

    Raises:
        ProjectError: the file cannot be read, has no such column, or fewer than two texts.
    """

    kind: Kind = "text"

    def __init__(
        self, path: str | os.PathLike[str], column: str | None = None, names: str | None = None
    ) -> None:
        self.path = Path(path)
        self.where = str(path)
        suffix = self.path.suffix.lower()
        if suffix != ".txt" and suffix not in TABLES:
            raise ProjectError(
                f"{self.where}: expected a .csv or .tsv file with a column of texts, or a .txt "
                "file with one text per line."
            )
        if suffix == ".txt" and (column or names):
            raise ProjectError(f"{self.where} has no columns; save it as .csv, or name none.")
        try:
            facts = self.path.stat()  # before the file is read: a change in between is noticed
        except OSError as error:
            raise ProjectError(f"{self.where} cannot be read: {error.strerror}.") from error
        self._modified = max(facts.st_mtime_ns, facts.st_ctime_ns)
        content = text_of(self.path)
        rows = _lines(content) if suffix == ".txt" else self._rows(content, suffix, column, names)
        self.problems: dict[str, str] = {}
        self._texts: dict[str, str] = {}
        lines: dict[str, int] = {}
        for line, name, text in rows:
            name = name or f"{line}-{hash_of(text.encode())[:8]}"
            if name in lines:
                raise ProjectError(
                    f"{self.where}, line {line}: the name {name!r} is in line {lines[name]} "
                    "already; names must be distinct."
                )
            lines[name] = line
            if text.strip():
                self._texts[name] = text
            else:
                self.problems[name] = "the text is empty."
        if len(self._texts) < 2:
            found = "one text" if self._texts else "no texts"
            raise ProjectError(
                f"{self.where} has {found}: expected at least two, one per "
                f"{'line' if suffix == '.txt' else 'row below the names of the columns'}."
            )
        self.names = list(self._texts)

    def _rows(
        self, content: str, suffix: str, column: str | None, names: str | None
    ) -> Iterator[tuple[int, str, str]]:
        """(line, name or nothing, text) of each row of a table."""
        first = content.split("\n", 1)[0]
        mark = ";" if suffix == ".csv" and ";" in first and "," not in first else TABLES[suffix]
        reader = csv.reader(io.StringIO(content, newline=""), delimiter=mark)
        line = 1
        try:
            columns = [cell.strip() for cell in next(reader, [])]
            at = self._column(columns, column)
            named = None if names is None else self._column(columns, names)
            line = reader.line_num + 1
            for cells in reader:
                if any(map(str.strip, cells)):
                    if len(cells) > len(columns):
                        raise ProjectError(
                            f"{self.where}, line {line}: {len(cells)} cells for {len(columns)} "
                            "columns; a text with a comma needs quotes."
                        )
                    cells += [""] * (len(columns) - len(cells))
                    yield line, self._name(cells, named, line), cells[at]
                line = reader.line_num + 1
        except csv.Error as error:
            raise ProjectError(f"{self.where}, line {line}: {error}.") from error

    def _column(self, columns: list[str], wanted: str | None) -> int:
        if wanted is None:
            wanted = columns[0] if len(columns) == 1 else COLUMN
            if wanted not in columns:
                raise ProjectError(
                    f"{self.where} has several columns: name that of the texts, column=; it has "
                    f"{', '.join(columns)}."
                )
        if columns.count(wanted) != 1:
            more = likely(wanted, columns) if wanted not in columns else ": it is there twice."
            raise ProjectError(f"{self.where}, line 1: no single column {wanted!r}{more}")
        return columns.index(wanted)

    def _name(self, cells: list[str], named: int | None, line: int) -> str:
        if named is None:
            return ""
        if not (name := cells[named].strip()):
            raise ProjectError(f"{self.where}, line {line}: the name is empty.")
        return name

    def __len__(self) -> int:
        return len(self.names)

    def read(self, name: str) -> str:
        """The text."""
        return self._texts[name]

    def shown(self, name: str) -> Shown:
        """The text, not escaped."""
        return Shown(self._texts[name].encode(), "text/plain; charset=utf-8")

    def stamp(self, name: str) -> Stamp:
        """Length of the text, and last change of the file."""
        return Stamp(len(self._texts[name].encode()), self._modified)

    def hash(self, name: str) -> str:
        """Hash of the text."""
        return hash_of(self._texts[name].encode())


def _lines(content: str) -> Iterator[tuple[int, str, str]]:
    for line, text in enumerate(content.split("\n"), start=1):
        if text.strip():
            yield line, "", text.strip()
