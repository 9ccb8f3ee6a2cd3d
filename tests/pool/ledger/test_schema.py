import sqlite3

import pytest

from alkit.errors import LedgerError
from alkit.pool import Ledger
from alkit.pool.ledger import Entry
from alkit.pool.ledger.entry import COLUMNS, to_row
from alkit.pool.ledger.schema import APPLICATION, MIGRATIONS


def older(path, version):
    """A file as the version wrote it, with one entry."""
    db = sqlite3.connect(path)
    for statements in MIGRATIONS[:version]:
        for statement in statements:
            db.execute(statement)
    row = to_row(Entry("a", label=1, uid="one"))
    names = ", ".join((*COLUMNS, "checksum"))
    db.execute(f"INSERT INTO entry ({names}) VALUES ({', '.join('?' * len(row))})", row)
    db.execute(f"PRAGMA application_id = {APPLICATION}")
    db.execute(f"PRAGMA user_version = {version}")
    db.commit()
    db.close()


def version(path):
    db = sqlite3.connect(path)
    try:
        return db.execute("PRAGMA user_version").fetchone()[0]
    finally:
        db.close()


@pytest.mark.parametrize("number", range(1, len(MIGRATIONS) + 1))
def test_a_file_of_an_older_version_is_brought_to_this_one_with_its_entries(number):
    older("labels.db", number)
    ledger = Ledger("labels.db")
    assert ledger.current()["a"].label == 1
    assert ledger.agree("samples", "names") == "names"
    ledger.add([Entry("b", label=2)])
    assert version("labels.db") == len(MIGRATIONS) == 2


def test_a_migration_that_fails_changes_nothing():
    older("labels.db", 1)
    db = sqlite3.connect("labels.db")
    db.execute("CREATE TABLE fact (other)")  # in the way of the migration
    db.commit()
    db.close()
    with pytest.raises(LedgerError, match="fact"):
        Ledger("labels.db")
    assert version("labels.db") == 1


def test_a_file_of_a_newer_version_is_refused():
    Ledger("labels.db").close()
    db = sqlite3.connect("labels.db")
    db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    db.close()
    with pytest.raises(LedgerError, match=r"newer version of alkit .*update alkit"):
        Ledger("labels.db")


def test_a_database_of_another_program_is_refused_and_not_changed():
    db = sqlite3.connect("other.db")
    db.execute("CREATE TABLE t (x)")
    db.commit()
    db.close()
    with open("other.db", "rb") as file:
        before = file.read()
    with pytest.raises(LedgerError, match="another program"):
        Ledger("other.db")
    with open("other.db", "rb") as file:
        assert file.read() == before


def test_entries_can_be_neither_changed_nor_deleted():
    ledger = Ledger("labels.db")
    ledger.add([Entry("a", label=1)])
    db = sqlite3.connect("labels.db")
    for statement in ("UPDATE entry SET label = '2'", "DELETE FROM entry"):
        with pytest.raises(sqlite3.IntegrityError, match="never"):
            db.execute(statement)
    db.close()
    assert ledger.current()["a"].label == 1
