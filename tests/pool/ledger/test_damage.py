import os
import random

import pytest

from alkit.errors import LedgerError
from alkit.pool import Ledger
from alkit.pool.ledger import Entry

PAGE = 4096


@pytest.fixture
def path():
    with Ledger("labels.db") as ledger:
        ledger.add(Entry(f"photos/{k}.jpg", label=f"class {k % 7}") for k in range(2000))
    return "labels.db"


def overwrite(path, start, content):
    with open(path, "r+b") as file:
        file.seek(start)
        file.write(content)


def test_a_damaged_page_is_reported_with_what_can_be_read(path):
    known = {entry.uid: entry for entry in Ledger(path).entries()}
    Ledger(path).close()
    draw, pages, lost = random.Random(0), os.path.getsize(path) // PAGE, 0
    with open(path, "rb") as file:
        whole = file.read()
    for _ in range(15):
        overwrite(path, 0, whole)
        overwrite(path, PAGE * draw.randrange(1, pages), draw.randbytes(PAGE))
        with pytest.raises(LedgerError, match=r"is damaged.*can be read") as caught:
            Ledger(path)
        found = Ledger.salvage(path)
        assert f"{len(found.entries)} entries can be read" in str(caught.value) or not found.entries
        assert all(known[entry.uid] == entry for entry in found.entries)  # nothing false
        assert found.lost is None or len(found.entries) + found.lost == 2000
        lost += len(found.entries) > 1900
        with Ledger(f"new{_}.db") as new:
            assert len(new.add(found.entries)) == len(found.entries)
    assert lost > 10  # most pages hold few entries, or an index


def test_a_changed_letter_is_noticed(path):
    with open(path, "rb") as file:
        place = file.read().index(b'"class 3"')
    overwrite(path, place, b'"class 4"')
    with pytest.raises(LedgerError, match=r"another checksum.*1999 entries can be read, 1 cannot"):
        Ledger(path).current()


def test_a_file_that_is_not_a_database_is_reported():
    with open("labels.db", "wb") as file:
        file.write(b"sample,label\na,1\n" * 100)
    with pytest.raises(LedgerError, match=r"not a database.*no entry can be read"):
        Ledger("labels.db")


def test_a_file_that_lacks_its_end_is_reported(path):
    os.truncate(path, PAGE * 30)
    with pytest.raises(LedgerError, match="is damaged"):
        Ledger(path)
    assert Ledger.salvage(path).lost is None or Ledger.salvage(path).lost > 0


def test_a_missing_file_is_reported_and_not_created():
    with pytest.raises(LedgerError, match="there is no file"):
        Ledger.salvage("typo.db")
    assert not os.path.exists("typo.db")


def test_the_undoing_of_a_lost_entry_is_left_out(path):
    with Ledger(path) as ledger:
        wanted = ledger.current()["photos/3.jpg"]
        ledger.undo(wanted.uid, ledger.current()["photos/4.jpg"].uid)
    with open(path, "rb") as file:
        place = file.read().index(b'photos/3.jpg"class 3"')
    overwrite(path, place, b"photos/3.gif")
    found = Ledger.salvage(path)
    assert [entry.sample for entry in found.entries if entry.undoes] == ["photos/4.jpg"]
    assert found.lost == 1
    with Ledger("new.db") as new:
        new.add(found.entries)
        assert len(new.current()) == 1998
