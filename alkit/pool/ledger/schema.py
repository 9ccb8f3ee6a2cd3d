"""Schema of a ledger's file, and the migrations that bring an older file to it."""

from __future__ import annotations

import sqlite3

from alkit.errors import LedgerError

APPLICATION = 0x616C6B69  # "alki", by which SQLite files of other programs are noticed

# statements that bring a file from version k to k + 1
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE entry (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            sample TEXT NOT NULL,
            label TEXT, reason TEXT, undoes TEXT,
            who TEXT NOT NULL, at REAL NOT NULL, round INTEGER, why TEXT NOT NULL, score REAL,
            guess TEXT, guess_shown INTEGER, seconds REAL,
            uid TEXT NOT NULL UNIQUE,
            checksum INTEGER NOT NULL,
            CHECK ((label IS NOT NULL) + (reason IS NOT NULL) + (undoes IS NOT NULL) = 1)
        )""",
        "CREATE INDEX entry_sample ON entry (sample, seq)",
        "CREATE INDEX entry_undoes ON entry (undoes) WHERE undoes IS NOT NULL",
        """CREATE TRIGGER entry_stays BEFORE UPDATE ON entry
           BEGIN SELECT RAISE(ABORT, 'entries of a ledger never change'); END""",
        """CREATE TRIGGER entry_is_kept BEFORE DELETE ON entry
           BEGIN SELECT RAISE(ABORT, 'entries of a ledger are never deleted'); END""",
        """CREATE VIEW live AS SELECT * FROM entry AS e WHERE undoes IS NULL
           AND NOT EXISTS (SELECT 1 FROM entry AS u WHERE u.undoes = e.uid)""",
    ),
    ("CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL)",),
)


def check_application(db: sqlite3.Connection, path: str) -> None:
    """Raise a LedgerError for the file of another program, or of a newer version.

    To be called in a transaction, since another process may create the schema meanwhile.
    """
    (application,) = db.execute("PRAGMA application_id").fetchone()
    (version,) = db.execute("PRAGMA user_version").fetchone()
    (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION and (application or version or tables):
        raise LedgerError(f"{path} is a database of another program: use another path.")
    if version > len(MIGRATIONS):
        raise LedgerError(
            f"{path} was written by a newer version of alkit (format {version}, and this one reads "
            f"up to {len(MIGRATIONS)}): update alkit."
        )


def migrate(db: sqlite3.Connection) -> None:
    """Bring the file to the present version in the open transaction."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version == 0:
        db.execute(f"PRAGMA application_id = {APPLICATION}")
    for statements in MIGRATIONS[version:]:
        for statement in statements:
            db.execute(statement)
    if version < len(MIGRATIONS):
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
