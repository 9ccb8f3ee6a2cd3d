"""Ledgers as CSV, JSON and Parquet files."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alkit.atomic import write_whole
from alkit.errors import LabelError, LabelFileError
from alkit.pool.ledger.entry import COLUMNS, Entry
from alkit.pool.ledger.parquet import from_file, to_bytes
from alkit.spreadsheet import escaped, restored

if TYPE_CHECKING:
    from alkit.pool.ledger.ledger import Ledger

FORMAT = "alkit ledger 1"
NUMBERS = ("round", "score", "seconds", "guess_shown")
VALUES = ("label", "guess")


@dataclass(frozen=True)
class Loaded:
    """Result of reading a file into a ledger.

    Attributes:
        added: the entries that were added.
        known: number of rows that were in the ledger already.
        refused: the rows that were not taken, each with its line and the reason.
    """

    added: list[Entry]
    known: int = 0
    refused: list[str] = field(default_factory=list)


def save(path: Path, entries: Iterable[Entry]) -> None:
    """Write entries to a CSV, JSON or Parquet file, by its suffix.

    Raises:
        LabelError: the suffix is another one.
        FolderError: the file cannot be written.
        MissingPackageError: Parquet needs pyarrow.
    """
    rows = [{name: getattr(entry, name) for name in COLUMNS} for entry in entries]
    kind = _kind(path)
    if kind == ".parquet":
        rows = [{**row, **{name: _text_of(row[name]) for name in VALUES}} for row in rows]
        columns = {name: [row[name] for row in rows] for name in COLUMNS}
        write_whole(path, to_bytes(columns, FORMAT))
        return
    rows = ({**row, "at": _written_time(row["at"])} for row in rows)
    if kind == ".json":
        content = json.dumps({"format": FORMAT, "entries": list(rows)}, indent=1)
    else:
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(COLUMNS)
        writer.writerows([_cell(name, row[name]) for name in COLUMNS] for row in rows)
        content = text.getvalue()
    write_whole(path, content)


def load(ledger: Ledger, path: Path) -> Loaded:
    """Add the good rows of a file to a ledger, in one transaction."""
    good, refused = [], []
    read = {".csv": _csv_rows, ".json": _json_rows, ".parquet": _parquet_rows}[_kind(path)]
    for line, row in read(path):
        try:
            good.append((line, _entry(row)))
        except (LabelError, TypeError, ValueError) as error:
            refused.append(f"{path}, {line}: {error}")
    known = {entry.uid: entry.sample for entry in ledger.entries()}
    taken: list[Entry] = []
    for line, entry in good:
        if entry.undoes is not None and known.get(entry.undoes) != entry.sample:
            refused.append(f"{path}, {line}: it undoes an entry that is not in the ledger.")
            continue
        known[entry.uid] = entry.sample
        taken.append(entry)
    added = ledger.add(taken)
    return Loaded(added, len(taken) - len(added), refused)


def _entry(row: Mapping[str, Any]) -> Entry:
    """The entry of a row; without a uid, it gets one by its content."""
    given = {name: row[name] for name in COLUMNS if row.get(name) is not None}
    at = given.get("at")
    if isinstance(at, str | datetime):
        given["at"] = (datetime.fromisoformat(at) if isinstance(at, str) else at).timestamp()
    if "uid" not in given:
        text = json.dumps([[name, given[name]] for name in sorted(given)], default=str)
        given["uid"] = "row " + hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    if given.get("guess_shown") in (0, 1):
        given["guess_shown"] = bool(given["guess_shown"])
    if "sample" not in given:
        raise LabelError("the row has no sample.")
    return Entry(**given)


def _cell(name: str, value: Any) -> Any:
    if value is None or (value == "" and name not in VALUES):
        return ""
    if name in VALUES:
        return escaped(value) if _is_safe(value) else _text_of(value)
    if name == "guess_shown":
        return int(value)
    return escaped(value) if isinstance(value, str) else value


def _text_of(value: Any) -> str | None:
    """A label as text, from which ``_value`` restores it; one that is a text stays so if it can."""
    if value is None or _is_safe(value):
        return value
    return json.dumps(value, ensure_ascii=False)


def _is_safe(value: Any) -> bool:
    return isinstance(value, str) and _value(value) == value != ""


def _value(cell: str) -> Any:
    """A number, list or quoted text as JSON writes it, and any other text as it is."""
    try:
        return json.loads(cell, parse_constant=lambda constant: constant)
    except (ValueError, RecursionError):
        return cell


def _written_time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds")


def _kind(path: Path) -> str:
    kind = path.suffix.lower()
    if kind not in (".csv", ".json", ".parquet"):
        raise LabelError(
            f"{path}: a ledger is written to and read from .csv, .json or .parquet files."
        )
    return kind


def _csv_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    reader = csv.reader(io.StringIO(_text(path), newline=""))
    try:
        columns = [column.strip() for column in next(reader, [])]
        columns = ["sample" if name == "name" and "sample" not in columns else name
                   for name in columns]  # fmt: skip
        _check_columns(path, columns)
        for cells in reader:
            if any(cells):
                yield f"line {reader.line_num}", _parsed(columns, cells)
    except csv.Error as error:
        raise LabelError(f"{path} is not a CSV file: {error}.") from error


def _parsed(columns: Sequence[str], cells: Sequence[str]) -> dict[str, Any]:
    if any(cells[len(columns) :]):
        return {}
    row: dict[str, Any] = {}
    for name, cell in zip(columns, cells):
        text = restored(cell)
        if text:
            row[name] = _value(text) if name in (*VALUES, *NUMBERS) else text
    return row


def _json_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        whole = json.loads(_text(path))
    except (ValueError, RecursionError) as error:
        raise LabelError(f"{path} is not a JSON file: {error}.") from error
    rows = whole.get("entries") if isinstance(whole, dict) else None
    if not isinstance(rows, list) or whole.get("format") != FORMAT:
        raise LabelError(f"{path} is not a ledger of the format {FORMAT!r}.")
    for place, row in enumerate(rows, 1):
        yield f"entry {place}", row if isinstance(row, dict) else {}


def _parquet_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    with _reading(path):
        rows, format = from_file(path)
    columns = list(rows[0]) if rows else ["sample", "label"]
    named = {"name": "sample"} if "sample" not in columns else {}
    _check_columns(path, [named.get(name, name) for name in columns])
    for place, row in enumerate(rows, 1):
        row = {named.get(name, name): value for name, value in row.items()}
        if format == FORMAT:
            row |= {name: _value(row[name]) for name in VALUES if row[name] is not None}
        yield f"row {place}", row


def _check_columns(path: Path, columns: Sequence[str]) -> None:
    if "sample" not in columns or not {"label", "reason"} & set(columns):
        raise LabelError(f"{path} needs the columns sample and label.")
    twice = [name for name in columns if name and columns.count(name) > 1]
    if twice:
        raise LabelError(f"{path} has more than one column {twice[0]}.")


def _text(path: Path) -> str:
    with _reading(path):
        return path.read_bytes().decode("utf-8-sig")


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError as error:
        raise LabelError(f"{path} is not UTF-8 text.") from error
    except FileNotFoundError as error:
        raise LabelFileError(f"there is no file {path}.") from error
    except OSError as error:
        raise LabelError(f"{path} cannot be read: {error.strerror or error}.") from error
