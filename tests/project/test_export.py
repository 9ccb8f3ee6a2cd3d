import csv
import json

import pytest
from pyarrow import parquet

from alkit.errors import ConfigurationError, FolderError
from alkit.pool.ledger import Entry
from alkit.project.export import COLUMNS, write

ANSWERS = [
    Entry("b.png", label="cat", who="Ann", at=0.0, round=2, why="Margin()"),
    Entry("a.png", reason="unsure", at=86400.0),
    Entry('=1+1 "é", 猫.png', label="-dog"),
]
GUESSES = {"c.png": ("cat", 0.912345)}


def test_csv_has_a_row_per_answer_and_prediction_sorted_by_name(tmp_path):
    assert write(tmp_path / "l.csv", ANSWERS, GUESSES) == 4
    with open(tmp_path / "l.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert [row["name"] for row in rows] == ['\'=1+1 "é", 猫.png', "a.png", "b.png", "c.png"]
    assert rows[0]["label"] == "'-dog"  # a spreadsheet would run it as a formula
    assert (rows[1]["label"], rows[1]["reason"]) == ("", "unsure")
    assert (rows[2]["who"], rows[2]["at"]) == ("Ann", "1970-01-01T00:00:00+00:00")
    assert (rows[3]["prediction"], rows[3]["probability"]) == ("cat", "0.9123")


def test_json_and_parquet_have_the_values_as_they_are(tmp_path):
    write(tmp_path / "l.json", ANSWERS, GUESSES)
    write(tmp_path / "l.PARQUET", ANSWERS, GUESSES)
    rows = json.loads((tmp_path / "l.json").read_text(encoding="utf-8"))
    table = parquet.read_table(tmp_path / "l.PARQUET").to_pylist()
    assert rows[0]["name"] == table[0]["name"] == ANSWERS[2].sample
    assert rows[0]["label"] == table[0]["label"] == "-dog"
    assert table[3]["probability"] == pytest.approx(0.9123)


@pytest.mark.parametrize("name", ["l.csv", "l.json", "l.parquet"])
def test_nothing_is_written_as_a_table_without_rows(tmp_path, name):
    assert write(tmp_path / name, [], {}) == 0
    assert (tmp_path / name).exists()


def test_other_suffixes_and_folders_are_refused_and_an_older_file_stays(tmp_path):
    with pytest.raises(ConfigurationError, match="give one of these suffixes"):
        write(tmp_path / "l.txt", ANSWERS, {})
    (tmp_path / "l.csv").write_text("older")
    (tmp_path / ".l.csv.part").mkdir()
    with pytest.raises(FolderError, match="cannot be written"):
        write(tmp_path / "l.csv", ANSWERS, {})
    assert (tmp_path / "l.csv").read_text() == "older"


def test_an_export_is_read_by_annotate(points):
    one, two = points.project("one"), points.project("two")
    one.label(20, oracle=points.oracle)
    one.exclude([one.query(1).names[0]], "broken")
    one.export(points.folder / "l.csv")
    taken = two.annotate(points.folder / "l.csv")
    assert (len(taken.annotated), len(taken.excluded), taken.refused) == (20, 1, [])
    assert {k: v.label for k, v in two.ledger.current().items()} == {
        k: v.label for k, v in one.ledger.current().items()
    }
