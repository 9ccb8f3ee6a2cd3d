"""Writing of entries in a transaction: what is refused, and samples that get other names."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from alkit.errors import AnnotationError
from alkit.pool.ledger.entry import Entry, from_row, to_row
from alkit.pool.ledger.queries import INSERT, SELECT, among

MOVED = "moved to "  # reason of an undoing, before the new name
Once = Literal["sample", "person"] | None


def added(db: sqlite3.Connection, entry: Entry, once: Once, path: Path) -> Entry | None:
    """Add an entry; return it with its place, or None if it is in the ledger already."""
    if entry.undoes is not None:
        _check_undoing(db, entry)
    before = None
    if once is not None and entry.undoes is None:
        by = " AND who = ?" if once == "person" else ""
        known = (entry.sample, entry.who) if by else (entry.sample,)
        before = db.execute(f"{SELECT} live WHERE sample = ?{by} LIMIT 1", known).fetchone()
    done = db.execute(INSERT, to_row(entry))
    if done.rowcount == 0:
        _check_same(db, entry, path)
        return None
    if before is not None:
        who = from_row(before).who
        raise AnnotationError(
            f"{entry.sample!r} has an answer in {path} already{who and f' by {who}'}: "
            "call pool.refresh() to take it, or relabel to change it."
        )
    return entry.having(seq=done.lastrowid)


def undoing(sample: str, uid: str, **more: Any) -> Entry:
    """The entry that takes another one back."""
    return Entry(sample, undoes=uid, uid=_undo_uid(uid), **more)


def _undo_uid(uid: str) -> str:
    return f"undo {uid}"


def moved(db: sqlite3.Connection, mapping: Mapping[str, str], who: str, path: Path) -> list[Entry]:
    """Write the live entries of samples again under new names, and undo the old ones."""
    mapping = {old: new for old, new in mapping.items() if old != new}
    live = _live(db, mapping)
    moving = {entry.sample for entry in live}
    old_names: dict[str, str] = {}
    for old in sorted(moving):
        other = old_names.setdefault(mapping[old], old)
        if other != old:
            raise AnnotationError(
                f"{other!r} and {old!r} cannot both become {mapping[old]!r}: a name is that of one "
                f"sample. Nothing was moved in {path}."
            )
    taken = [entry.sample for entry in _live(db, old_names) if entry.sample not in moving]
    if taken:
        raise AnnotationError(
            f"{old_names[taken[0]]!r} cannot become {taken[0]!r}, which has answers in {path} "
            "itself: move these too, or undo them. Nothing was moved."
        )
    for entry in live:
        more = {"who": who, "why": MOVED + mapping[entry.sample]}
        added(db, undoing(entry.sample, entry.uid, **more), None, path)
    again = (added(db, _renamed(entry, mapping[entry.sample]), None, path) for entry in live)
    return [entry for entry in again if entry is not None]


def _live(db: sqlite3.Connection, samples: Mapping[str, str]) -> list[Entry]:
    where, values = among(samples)
    return list(map(from_row, db.execute(f"{SELECT} live {where} ORDER BY seq", values)))


def _renamed(entry: Entry, name: str) -> Entry:
    uid = _moved_uid(entry.uid, name)
    return Entry(**{**entry.__dict__, "sample": name, "uid": uid, "seq": None})


def _moved_uid(uid: str, name: str) -> str:
    """The uid of an entry under another name, which follows from both."""
    text = json.dumps([uid, name]).encode()
    return f"moved {hashlib.blake2b(text, digest_size=16).hexdigest()}"


def latest(db: sqlite3.Connection, uid: str) -> str:
    """The uid that an answer has by now, if its sample got other names since."""
    query = "SELECT why FROM entry WHERE uid = ?"
    while (row := db.execute(query, (_undo_uid(uid),)).fetchone()) and row[0].startswith(MOVED):
        uid = _moved_uid(uid, row[0].removeprefix(MOVED))
    return uid


def _check_same(db: sqlite3.Connection, entry: Entry, path: Path) -> None:
    stored = from_row(db.execute(f"{SELECT} entry WHERE uid = ?", (entry.uid,)).fetchone())
    if _answer(stored) != _answer(entry):
        raise AnnotationError(
            f"{path} has another entry with the uid {entry.uid!r}, about "
            f"{stored.sample!r}: each answer needs its own uid."
        )


def _check_undoing(db: sqlite3.Connection, entry: Entry) -> None:
    query = "SELECT sample, undoes FROM entry WHERE uid = ?"
    sample, undoes = db.execute(query, (entry.undoes,)).fetchone() or (None, None)
    if sample != entry.sample or undoes is not None:
        raise AnnotationError(
            f"an entry about {entry.sample!r} undoes {entry.undoes!r}, which must be the uid "
            "of an answer about the same sample in the ledger."
        )


def _answer(entry: Entry) -> tuple[object, ...]:
    return entry.sample, entry.label, entry.reason, entry.undoes, entry.who
