"""Tags: readable lists of names in a folder."""

import threading

import pytest

from alkit.cli.tags import Tags
from alkit.errors import AlkitError, ConfigurationError
from alkit.querying.row_names import rows_of_file


def test_a_tag_is_a_column_of_names_that_any_tool_reads(tmp_path):
    tags = Tags(tmp_path / "tags")
    assert tags.names == []
    path = tags.write("round-1", ["b.jpg", "ä,ö.jpg", "=x.jpg"], named=True)
    assert path.read_text(encoding="utf-8") == 'name\nb.jpg\n"ä,ö.jpg"\n\'=x.jpg\n'
    assert rows_of_file("x", path, None) == ["b.jpg", "ä,ö.jpg", "=x.jpg"]
    assert list(path.parent.iterdir()) == [path]
    assert tags.write("rows", [3, 1], named=False).read_text() == "id\n3\n1\n"
    assert tags.names == ["round-1", "rows"]


def test_files_of_other_tools_are_tags_too_and_other_files_are_not(tmp_path):
    for name in ("a.JSON", "b.txt", ".c.csv", "d.npy", "e.csv.part"):
        (tmp_path / name).touch()
    tags = Tags(tmp_path)
    assert tags.names == ["a", "b"]
    assert tags.find("a") == tmp_path / "a.JSON"


def test_former_tags_are_found_in_a_circle_too(tmp_path):
    tags = Tags(tmp_path)
    tags.write("a", ["1"], named=True, after=["b"])
    tags.write("b", ["2"], named=True, after=["a", "my tag"])
    (tmp_path / "my tag.txt").write_text("3")
    assert list(tags.with_former(["a"])) == ["a", "b", "my tag"]
    (tmp_path / "b.csv").unlink()
    with pytest.raises(ConfigurationError, match="no tag 'b'"):
        tags.with_former(["a"])


def test_one_of_many_that_write_a_tag_at_once_wins_whole(tmp_path):
    tags, refused = Tags(tmp_path), []

    def write(letter):
        try:
            tags.write("a", [letter] * 2000, named=True)
        except AlkitError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=write, args=letter) for letter in "abcdefgh"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 7
    assert all("exists already" in text for text in refused)
    rows = rows_of_file("x", tmp_path / "a.csv", None)
    assert len(rows) == 2000
    assert len(set(rows)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]
