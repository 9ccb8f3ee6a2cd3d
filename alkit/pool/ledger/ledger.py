"""Ledger: the answers of people in one SQLite file, to which entries are only ever added."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from alkit.atomic import as_path
from alkit.errors import AnnotationError, ConfigurationError
from alkit.pool.ledger.damage import Salvaged, salvaged
from alkit.pool.ledger.entry import Entry, from_row
from alkit.pool.ledger.files import Loaded, load, save
from alkit.pool.ledger.queries import SELECT, among
from alkit.pool.ledger.store import Store
from alkit.pool.ledger.writing import Once, added, latest, moved, undoing


class Ledger:
    """Answers of people to queries, in one file; nothing is ever changed or deleted in it.

        from alkit.pool.ledger import Entry, Ledger

        ledger = Ledger("labels.db", who="Ann")
        ledger.add([Entry("cat_1.png", label="cat"), Entry("x.png", reason="unsure")])
        ledger.current()                        # {"cat_1.png": Entry(...), "x.png": Entry(...)}
        ledger.undo(ledger.current()["x.png"].uid)

    A second label for a sample, and the undoing of an answer, are further entries: the last entry
    of a sample that is not undone counts. When ``add`` returns, its entries are on the disk, and
    survive a kill of the process and a power cut. Several processes may use one file at once, on
    one machine and a local disk; threads may share one object. Each entry has a checksum.

    The file is SQLite (WAL, ``synchronous=FULL``), with two files beside it while it is open. Cost:
    a few milliseconds per ``add`` and about 25 microseconds per entry, so 100,000 labels in batches
    take 3 seconds. Reading takes about 10 microseconds and 0.5 kB of memory per entry, and the file
    0.2 to 0.5 kB. Opening a file of 100,000 entries takes about 0.03 seconds.

    Args:
        path: path of the file, which is created if it is missing, as is its folder.
        who: name of the person whose answers this object adds.

    Raises:
        LedgerError: the file is damaged (the error states how many entries can be read), of another
            program, of a newer version, read-only, or on a disk without WAL.
    """

    def __init__(self, path: str | os.PathLike[str], who: str = "") -> None:
        if not isinstance(who, str):
            raise ConfigurationError(f"who must be the name of a person, got {who!r}.")
        self.path = as_path(path).absolute()
        self.who = who
        self._store = Store(self.path)

    # --- writing ------------------------------------------------------------------------------

    def add(self, entries: Iterable[Entry], *, once: Once = None) -> list[Entry]:
        """Add entries in one transaction, all or none; on disk when this returns.

        Args:
            entries: the entries. One whose ``uid`` is in the ledger already is not added again.
            once: ``"sample"`` to refuse an answer about a sample that has one; ``"person"`` if it
                has one from the same person. Default: a further answer replaces the earlier one.

        Returns:
            The entries that were added, with their places.

        Raises:
            AnnotationError: a sample has an answer already (``once``); an entry undoes one that is
                not in the ledger, or that is itself an undoing; another entry has this ``uid``.
            LedgerError: the file cannot be written; nothing was added.
        """
        if once not in (None, "sample", "person"):
            raise ConfigurationError(f"once must be 'sample', 'person' or None, got {once!r}.")
        given = list(entries)
        wrong = [entry for entry in given if not isinstance(entry, Entry)]
        if wrong:
            raise ConfigurationError(
                f"expected entries, alkit.pool.ledger.Entry, got {wrong[0]!r}."
            )
        given = [entry if entry.who else entry.having(who=self.who) for entry in given]
        if not given:
            return []
        with self._store.transaction() as db:
            return [new for entry in given if (new := added(db, entry, once, self.path))]

    def undo(self, *uids: str) -> list[Entry]:
        """Take entries back, in one transaction; on disk when this returns.

        The entry of the same sample before it counts again. An entry that is undone already stays
        so. To bring an answer back, add it again. One that was moved is undone under its new name.

        Returns:
            The entries that were added.

        Raises:
            AnnotationError: the ledger has no entry with this ``uid``, or it is itself an undoing.
        """
        with self._store.transaction() as db:
            uids = tuple(latest(db, uid) for uid in uids)
            rows = db.execute(
                f"{SELECT} entry WHERE uid IN (SELECT value FROM json_each(?))", (json.dumps(uids),)
            )
            samples = {entry.uid: entry.sample for entry in map(from_row, rows)}
            missing = [uid for uid in uids if uid not in samples]
            if missing:
                raise AnnotationError(f"{self.path} has no entry with the uid {missing[0]!r}.")
            return self.add(undoing(samples[uid], uid) for uid in uids)

    def move(self, mapping: Mapping[str, str]) -> list[Entry]:
        """Give samples other names, in one transaction; on disk when this returns.

        All answers about a sample that are not undone, of all people, are written again under its
        new name and undone under the old one. Names may be exchanged. Names without an answer are
        ignored, so that a move that is repeated changes nothing.

        Args:
            mapping: the new name of each old one.

        Returns:
            The entries under the new names.

        Raises:
            AnnotationError: two samples would get one name, or a new name has answers itself.
        """
        with self._store.transaction() as db:
            return moved(db, mapping, self.who, self.path)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Reads and writes of this object in the block as one, all or none; others wait."""
        with self._store.transaction():
            yield

    # --- reading ------------------------------------------------------------------------------

    def __len__(self) -> int:
        """Number of entries, undone ones and undoings included."""
        with self._store.reading() as db:
            return db.execute("SELECT count(*) FROM entry").fetchone()[0]

    @property
    def last(self) -> int:
        """Place of the last entry; 0 if there is none."""
        with self._store.reading() as db:
            return db.execute("SELECT max(seq) FROM entry").fetchone()[0] or 0

    def entries(self, after: int = 0) -> list[Entry]:
        """All entries in the order in which they were written, from the place ``after`` + 1."""
        return self._read(f"{SELECT} entry WHERE seq > ? ORDER BY seq", after)

    def live(self, samples: Iterable[str] | None = None) -> list[Entry]:
        """The entries that are not undone, in their order; of some samples, or of all."""
        where, values = among(samples)
        return self._read(f"{SELECT} live {where} ORDER BY seq", *values)

    def current(self, samples: Iterable[str] | None = None) -> dict[str, Entry]:
        """The answer that counts for each sample that has one: its last entry that is not undone.

        Args:
            samples: keys of the samples. Default: all.
        """
        return {entry.sample: entry for entry in self._last("sample", samples)}

    def votes(self, samples: Iterable[str] | None = None) -> dict[str, dict[str, Entry]]:
        """The last answer of each person or program that is not undone, by sample and by name."""
        votes: dict[str, dict[str, Entry]] = {}
        for entry in self._last("sample, who", samples):
            votes.setdefault(entry.sample, {})[entry.who] = entry
        return votes

    def _last(self, group: str, samples: Iterable[str] | None) -> list[Entry]:
        where, values = among(samples)
        query = f"SELECT max(seq) FROM live {where} GROUP BY {group}"
        return self._read(f"{SELECT} entry WHERE seq IN ({query}) ORDER BY seq", *values)

    def _read(self, query: str, *values: Any) -> list[Entry]:
        with self._store.reading() as db:
            return [from_row(row) for row in db.execute(query, values)]

    # --- facts, files, end --------------------------------------------------------------------

    def agree(self, name: str, value: str) -> str:
        """Store a fact about the ledger, if it has none of this name; return the stored one."""
        with self._store.transaction() as db:
            db.execute("INSERT OR IGNORE INTO fact VALUES (?, ?)", (name, value))
            return db.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()[0]

    def export(self, path: str | os.PathLike[str]) -> None:
        """Write all entries to a CSV, JSON or Parquet file, by its suffix; whole or not at all.

        In CSV, a text that a spreadsheet would run as a formula has an apostrophe in front. Parquet
        needs pyarrow (``alkit[parquet]``).
        """
        save(as_path(path), self.entries())

    def load(self, path: str | os.PathLike[str]) -> Loaded:
        """Add the entries of a file from ``export``, or of a table with sample and label.

        Good rows are added, and the others are reported by line. Rows that are in the ledger
        already, also from an earlier call with the same file, are not added again.

        Raises:
            LabelError: the file cannot be read, or lacks a column.
        """
        return load(self, as_path(path))

    @staticmethod
    def salvage(path: str | os.PathLike[str]) -> Salvaged:
        """Read what can be read of a damaged ledger; the file is not changed."""
        return salvaged(as_path(path))

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        self._store.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Ledger({str(self.path)!r}, {len(self)} entries)"
