import pytest

from alkit.errors import LabelError
from alkit.pool.ledger import Entry, Ledger
from alkit.pool.ledger.entry import from_row, to_row

BAD = {
    "nothing": ({}, "got 0 of these"),
    "two things": ({"label": 1, "reason": "unsure"}, "got 2 of these"),
    "an empty sample": ({"sample": " ", "label": 1}, "sample of an entry must be a text"),
    "a sample that is a number": ({"sample": 3, "label": 1}, "sample of an entry must be a text"),
    "a sample that is not Unicode": ({"sample": "\udcff", "label": 1}, "not Unicode"),
    "an empty reason": ({"reason": ""}, "reason of an entry"),
    "an empty uid": ({"label": 1, "uid": ""}, "uid of an entry"),
    "a label that is NaN": ({"label": float("nan")}, "finite numbers"),
    "a label of an unknown kind": ({"label": object()}, "finite numbers"),
    "a label that is a set": ({"label": {1}}, "finite numbers"),
    "a label that is not Unicode": ({"label": "\ud800"}, "finite numbers"),
    "a negative round": ({"label": 1, "round": -1}, "round must be"),
    "a round of True": ({"label": 1, "round": True}, "round must be"),
    "a score that is infinite": ({"label": 1, "score": float("inf")}, "score must be"),
    "seconds as text": ({"label": 1, "seconds": "3"}, "seconds must be"),
    "no time": ({"label": 1, "at": None}, "at must be"),
    "a name that is a number": ({"label": 1, "who": 3}, "who must be"),
    "a guess shown by number": ({"label": 1, "guess_shown": 2}, "guess_shown must be"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_cannot_be_stored_is_refused(what):
    values, match = BAD[what]
    with pytest.raises(LabelError, match=match):
        Entry(**{"sample": "a", **values})


def test_a_row_is_the_entry_and_has_a_checksum():
    entry = Entry("a", label="glass", seconds=1, guess_shown=True)
    row = to_row(entry)
    assert from_row((7, *row)) == entry
    assert from_row((7, *row)).seq == 7
    for place in range(len(row)):
        changed = [*row]
        changed[place] = "another"
        with pytest.raises(ValueError, match="checksum"):
            from_row((7, *changed))


def test_each_entry_has_another_uid_and_the_time():
    first, second = Entry("a", label=1), Entry("a", label=1)
    assert first.uid != second.uid
    assert 0 <= second.at - first.at < 60


def test_a_negative_zero_is_stored_and_read_as_zero(tmp_path):
    ledger = Ledger(tmp_path / "labels.db")
    ledger.add([Entry("a", label=-0.0, score=-0.0, seconds=-0.0, at=-0.0)])
    (entry,) = ledger.entries()
    assert [str(value) for value in (entry.score, entry.seconds, entry.at)] == ["0.0"] * 3
