"""Files that are whole or not there."""

import os
from pathlib import Path

import pytest

from alkit.atomic import append, write_whole
from alkit.errors import FolderError


def test_a_file_takes_the_place_of_another_and_leaves_nothing_beside(tmp_path):
    path = tmp_path / "new" / "file"
    write_whole(path, "one")
    write_whole(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(path.parent.iterdir()) == [path]


def test_what_cannot_be_written_leaves_the_old_one(tmp_path):
    path = tmp_path / "file"
    write_whole(path, "old")
    (tmp_path / ".file.part").mkdir()
    with pytest.raises(FolderError, match="file cannot be written") as raised:
        write_whole(path, "new")
    assert isinstance(raised.value, OSError)
    assert path.read_text() == "old"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux has /dev/full")
def test_the_error_of_a_full_disk_states_the_remedy():
    with pytest.raises(FolderError, match=r"No space left.*kept.*Free up disk space"):
        append(Path("/dev/full"), "row\n")


def test_rows_are_appended(tmp_path):
    append(tmp_path / "rows", "a\n")
    append(tmp_path / "rows", "b\n")
    assert (tmp_path / "rows").read_text() == "a\nb\n"


@pytest.mark.parametrize("links", [True, False])
def test_a_new_file_never_takes_the_place_of_another(tmp_path, monkeypatch, links):
    if not links:  # as some file systems of network drives

        def link(*args):
            raise PermissionError("no hard links here")

        monkeypatch.setattr(os, "link", link)
    path = tmp_path / "file"
    write_whole(path, "one", new=True)
    assert path.read_text() == "one"
    with pytest.raises(FolderError, match="file exists already, and is unchanged"):
        write_whole(path, "two", new=True)
    assert path.read_text() == "one"
    assert list(tmp_path.iterdir()) == [path]
