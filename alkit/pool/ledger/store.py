"""File of a ledger: its connection, its transactions, and its errors in words."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alkit.atomic import sync_folder, writing
from alkit.errors import LedgerError
from alkit.pool.ledger.damage import damaged
from alkit.pool.ledger.schema import check_application, migrate

PATIENCE = 30.0  # seconds to wait for another process

_of_other_processes: list[object] = []  # SQLite forbids that a forked process closes its parent's


class Store:
    """SQLite file, opened at once and again in each process; safe for threads.

    In WAL mode with ``synchronous=FULL``: a transaction is on the disk when it ends. A copy, or the
    object in another process, has its own connection to the same file.

    Args:
        path: path of the file. A missing folder is created.

    Raises:
        LedgerError: the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._db: sqlite3.Connection | None = None
        self._process = -1
        with self.reading():
            pass

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.path = state["path"]
        self._lock, self._db, self._process = threading.RLock(), None, -1

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, for one statement."""
        with self._lock, self._in_words():
            if self._db is None or self._process != os.getpid():
                _of_other_processes.append(self._db)
                self._db, self._process = self._opened(), os.getpid()
            yield self._db

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """The connection in a transaction, which is on the disk when the block ends, or undone.

        In the block of another one it is a part of that, which can be undone by itself.
        """
        with self.reading() as db:
            inside = db.in_transaction
            db.execute("SAVEPOINT part" if inside else "BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("RELEASE part" if inside else "COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK TO part" if inside else "ROLLBACK")
                    if inside:
                        db.execute("RELEASE part")
                raise

    def close(self) -> None:
        """Close the connection; the next use opens it again."""
        with self._lock, self._in_words():
            if self._db is not None and self._process == os.getpid():
                self._db.close()
            self._db = None

    def _opened(self) -> sqlite3.Connection:
        with writing(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(
            self.path, timeout=PATIENCE, isolation_level=None, check_same_thread=False
        )
        try:
            db.execute("BEGIN")  # before anything is changed, since it may be of another program
            check_application(db, str(self.path))
            db.execute("COMMIT")
            self._to_wal(db)
            db.execute("PRAGMA synchronous = FULL")
            db.execute("BEGIN IMMEDIATE")
            migrate(db)
            db.execute("COMMIT")
            (first,) = db.execute("PRAGMA quick_check(1)").fetchone()
            if first != "ok":
                raise sqlite3.DatabaseError(first.splitlines()[-1])
        except BaseException:
            db.close()
            raise
        sync_folder(self.path.parent)
        return db

    def _to_wal(self, db: sqlite3.Connection) -> None:
        end = time.monotonic() + PATIENCE
        while True:  # SQLite does not wait here for another process that opens the same file
            try:
                (mode,) = db.execute("PRAGMA journal_mode = WAL").fetchone()
                break
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > end:
                    raise
                time.sleep(0.01)
        if mode != "wal":
            raise LedgerError(
                f"{self.path} cannot be kept in SQLite's WAL mode where it is: put the ledger on a "
                "local disk."
            )

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        """Turn SQLite's errors into a LedgerError with the remedy."""
        try:
            yield
        except sqlite3.OperationalError as error:
            remedy = next((text for word, text in _REMEDIES.items() if word in str(error)), "")
            raise LedgerError(
                f"{self.path} cannot be used: {error}. What was acknowledged is kept.{remedy}"
            ) from error
        except (sqlite3.DatabaseError, ValueError) as error:
            if type(error) in (sqlite3.DatabaseError, ValueError):
                raise damaged(self.path, str(error)) from error
            raise


_REMEDIES = {
    "full": " Free up disk space, then answer again.",
    "locked": " Another process holds it: close it, then answer again.",
    "readonly": " Make the file and its folder writable.",
    "unable to open": " Make its folder writable, and check that the path is that of a file.",
}
