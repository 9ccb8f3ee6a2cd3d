"""Damaged ledgers: what can still be read of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from alkit.errors import LedgerError
from alkit.pool.ledger.entry import Entry, from_row
from alkit.pool.ledger.queries import SELECT

FAILURES = 20_000  # reads that may fail before the rest counts as unreadable


@dataclass(frozen=True)
class Salvaged:
    """Result of reading a damaged ledger.

    Attributes:
        entries: the readable entries, in their order, without those that undo a lost one.
        lost: number of entries that cannot be read; None if their number cannot be read either.
    """

    entries: list[Entry]
    lost: int | None


def damaged(path: Path, reason: str) -> LedgerError:
    """The error for a damaged file, with what can be read of it."""
    found = salvaged(path)
    can = f"{len(found.entries)} entries can be read" if found.entries else "no entry can be read"
    lost = "" if found.lost is None else f", {found.lost} cannot"
    return LedgerError(
        f"{path} is damaged ({reason}): {can}{lost}. Ledger.salvage(path).entries has those that "
        "can be read; add them to a new ledger by Ledger(new_path).add(entries)."
    )


def salvaged(path: Path) -> Salvaged:
    """Read the entries of a file that may be damaged, each of which is compared with its checksum.

    Cost: O(N), and about log N reads per lost entry.

    Raises:
        LedgerError: there is no such file.
    """
    if not path.is_file():
        raise LedgerError(f"there is no file {path}.")
    db = sqlite3.connect(path, isolation_level=None)
    try:
        last = _last(db)
        entries = list(_entries(db, 1, last or path.stat().st_size // 64, [FAILURES]))
    finally:
        db.close()
    uids = {entry.uid for entry in entries}
    lost = None if last is None else last - len(entries)
    kept = [entry for entry in entries if entry.undoes is None or entry.undoes in uids]
    return Salvaged(kept, lost)


def _last(db: sqlite3.Connection) -> int | None:
    for query in ("SELECT seq FROM sqlite_sequence WHERE name = 'entry'",
                  "SELECT max(seq) FROM entry"):  # fmt: skip
        try:
            row = db.execute(query).fetchone()
        except sqlite3.DatabaseError:
            continue
        if row is not None and row[0] is not None:
            return row[0]
    return None


def _entries(db: sqlite3.Connection, first: int, last: int, left: list[int]) -> Iterator[Entry]:
    """Entries of a range, halved where it cannot be read; ``left`` counts the failures left."""
    todo = [(first, last)]
    while todo and left[0]:
        first, last = todo.pop()
        try:
            rows = db.execute(f"{SELECT} entry WHERE seq BETWEEN ? AND ?", (first, last))
            found = [from_row(row) for row in rows]
        except (sqlite3.DatabaseError, ValueError, TypeError):
            left[0] -= 1
            if first < last:
                middle = (first + last) // 2
                todo += [(middle + 1, last), (first, middle)]
            continue
        yield from found
