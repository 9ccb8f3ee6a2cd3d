"""A comparison comes back from its folder, as far as it has come."""

import json

import pytest
from small import compare, lasting

import alkit as al
from alkit.errors import FolderError


def test_what_was_compared_is_loaded(tmp_path):
    result = compare(folder=tmp_path, rounds=2)
    loaded = al.load(tmp_path)
    assert lasting(loaded.rows) == lasting(result.rows)
    assert loaded.protocol == json.loads(json.dumps(result.protocol, default=str))
    assert loaded.strategies == result.strategies


def test_of_one_that_is_not_finished_the_paired_seeds_can_be_compared(tmp_path):
    compare(folder=tmp_path, rounds=2)
    records = tmp_path / "records.csv"
    lines = records.read_text().splitlines(keepends=True)
    records.write_text("".join(lines[:-1]))
    loaded = al.load(tmp_path)
    assert len(loaded.rows) == 7
    assert {row["seed"] for row in loaded.paired().rows} == {3}


@pytest.mark.parametrize("missing", [".", "nowhere"])
def test_a_folder_without_results_is_an_error(tmp_path, missing):
    with pytest.raises(FolderError):
        al.load(tmp_path / missing)


def test_a_damaged_protocol_is_an_error(tmp_path):
    compare(folder=tmp_path, rounds=2)
    (tmp_path / "protocol.json").write_text("{")
    with pytest.raises(FolderError, match="cannot be read"):
        al.load(tmp_path)
