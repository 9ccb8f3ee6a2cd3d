import csv
import json
import sys

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alkit.errors import LabelError, LabelFileError, MissingPackageError
from alkit.pool import Ledger
from alkit.pool.ledger import Entry

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)
FILLED = TEXT.filter(str.strip)
NUMBER = st.floats(allow_nan=False, allow_infinity=False)
ODD = ["1", "-1", "=1+1", "'=x", "null", "NaN", "[1]", '"a"', " 1", "1e5", ""]
LABEL = st.one_of(
    st.integers(),
    NUMBER,
    TEXT,
    st.booleans(),
    st.lists(NUMBER, max_size=2),
    st.sampled_from(ODD),
)
ENTRY = st.builds(
    Entry,
    FILLED,
    label=LABEL,
    who=TEXT,
    at=st.floats(0, 4e9),
    round=st.none() | st.integers(0, 9),
    why=TEXT,
    score=st.none() | NUMBER,
    guess=st.none() | LABEL,
    guess_shown=st.sampled_from([None, True, False]),
    seconds=st.none() | st.floats(0, 1e6),
)


@pytest.mark.parametrize("suffix", ["csv", "json", "parquet"])
@given(st.lists(ENTRY, max_size=5), st.lists(FILLED, max_size=3))
def test_a_file_holds_the_ledger_exactly(tmp_path_factory, suffix, entries, reasons):
    folder = tmp_path_factory.mktemp("files")
    with Ledger(folder / "a.db") as ledger, Ledger(folder / "b.db") as other:
        added = ledger.add([*entries, *(Entry("x", reason=reason) for reason in reasons)])
        ledger.undo(*(entry.uid for entry in added[1:3]))
        path = folder / f"all.{suffix}"
        ledger.export(path)
        found = other.load(path)
        assert other.entries() == ledger.entries()
        assert repr([e.label for e in other.entries()]) == repr([e.label for e in ledger.entries()])
        assert (len(found.added), found.known, found.refused) == (len(ledger), 0, [])
        assert other.load(path).known == len(ledger)
        assert len(other) == len(ledger)


def test_texts_that_a_spreadsheet_would_run_are_escaped_and_times_are_readable():
    ledger = Ledger("labels.db", who="@Ann")
    ledger.add([Entry("=cmd()", label="-1", why="+x", at=0), Entry("b", label=-2.5, at=1.25)])
    ledger.export("labels.csv")
    with open("labels.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    first, second = rows
    assert (first["sample"], first["who"], first["why"]) == ("'=cmd()", "'@Ann", "'+x")
    assert (first["label"], second["label"]) == ('"-1"', "-2.5")
    assert first["at"] == "1970-01-01T00:00:00.000000+00:00"
    ledger.export("labels.json")
    with open("labels.json") as file:
        assert json.load(file)["entries"][1]["label"] == -2.5


def test_a_list_of_names_and_labels_is_enough_and_is_taken_once():
    with open("given.csv", "w") as file:
        file.write("name,label\na.jpg,glass\nb.jpg,3\n")
    ledger = Ledger("labels.db", who="Ann")
    assert len(ledger.load("given.csv").added) == 2
    assert ledger.load("given.csv").known == 2
    assert {key: e.label for key, e in ledger.current().items()} == {"a.jpg": "glass", "b.jpg": 3}
    assert ledger.current()["a.jpg"].who == "Ann"


def test_the_good_rows_are_taken_and_the_others_reported_by_line():
    lines = [f"s{k},{k},,," for k in range(50)]
    lines[3] = "s3,,,,"  # no label
    lines[10] = ",10,,,"  # no sample
    lines[20] = "s20,1,x,,"  # not a time
    lines[30] = "s30,,,another,"  # undoes nothing known
    lines[40] = "s40,1,,,,,,7"  # more cells than columns
    with open("given.csv", "w") as file:
        file.write("\n".join(["sample,label,at,undoes,reason", *lines]))
    ledger = Ledger("labels.db")
    found = ledger.load("given.csv")
    assert len(found.added) == len(ledger) == 45
    assert sorted(int(text.split("line ")[1].split(":")[0]) for text in found.refused) == [
        5, 12, 22, 32, 42,
    ]  # fmt: skip


def test_files_that_are_not_ledgers_are_refused_in_words():
    ledger = Ledger("labels.db")
    bad = {
        "a.txt": (b"", r"\.csv, \.json or \.parquet"),
        "b.csv": (b"id,label\n1,2", "needs the columns sample and label"),
        "c.csv": (b"sample,label,label\n", "more than one column label"),
        "d.csv": (b"\xff\xfe", "not UTF-8"),
        "e.json": (b"{", "not a JSON file"),
        "f.json": (b"[1]", "not a ledger of the format"),
        "g.parquet": (b"PAR1", "not a Parquet file"),
    }
    for name, (content, match) in bad.items():
        with open(name, "wb") as file:
            file.write(content)
        with pytest.raises(LabelError, match=match):
            ledger.load(name)
    for name in ("none.csv", "none.parquet"):
        with pytest.raises(LabelFileError, match="there is no file"):
            ledger.load(name)
    with pytest.raises(LabelError, match=r"\.csv, \.json or \.parquet"):
        ledger.export("labels.xlsx")
    assert len(ledger) == 0


def test_a_parquet_file_of_others_is_read_by_its_columns_and_bad_rows_are_reported():
    table = {"name": ["a", "b", None, "d"], "label": ["3", "cat", "dog", None]}
    pd.DataFrame({**table, "at": pd.to_datetime([0, 1, 2, 3], unit="s", utc=True)}).to_parquet(
        "given.parquet"
    )
    ledger = Ledger("labels.db")
    found = ledger.load("given.parquet")
    assert [(e.sample, e.label, e.at) for e in found.added] == [("a", "3", 0), ("b", "cat", 1)]
    assert [text.split(":")[0] for text in found.refused] == [
        "given.parquet, row 3", "given.parquet, row 4",
    ]  # fmt: skip
    assert ledger.load("given.parquet").known == 2
    pd.DataFrame({"id": [1], "label": [2]}).to_parquet("other.parquet")
    with pytest.raises(LabelError, match="needs the columns sample and label"):
        ledger.load("other.parquet")


def test_others_read_the_columns_of_a_parquet_file():
    ledger = Ledger("labels.db", who="Ann")
    ledger.add([Entry("a", label="glass", at=1.5, round=2, score=0.5, guess_shown=False)])
    ledger.export("labels.parquet")
    (row,) = pd.read_parquet("labels.parquet").to_dict("records")
    assert (row["sample"], row["label"], row["who"], row["round"]) == ("a", "glass", "Ann", 2)
    assert row["at"] == pd.Timestamp("1970-01-01T00:00:01.5Z")


def test_without_pyarrow_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'alkit\[parquet\]'"):
        Ledger("labels.db").export("labels.parquet")
