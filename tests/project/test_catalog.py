import os
import time
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alkit.errors import FolderError, ProjectError
from alkit.project import catalog as catalogs
from alkit.project.catalog import FILE, Catalog
from alkit.project.samples import Images, Items, Texts


@pytest.fixture
def settled(monkeypatch):
    """Files that were written a moment ago are trusted."""
    monkeypatch.setattr(catalogs, "SETTLED", -1)


class Counted(Images):
    """Images that count how many contents are read."""

    reads = 0

    def hash(self, name: str) -> str:
        type(self).reads += 1
        return super().hash(name)


def scan(folder: Path, before: Catalog | None = None):
    return (before or Catalog()).scan(Images(folder), progress=False)


def test_at_first_all_samples_are_new(photos):
    catalog, changes = scan(photos)
    assert catalog.names == list(Images(photos).names) == list(changes.new)
    assert not changes
    assert str(changes) == "12 samples, 12 of them new."


def test_a_catalog_is_read_as_it_was_written(photos, tmp_path, save):
    save(photos / "=1+1.png", 90)
    save(photos / 'a "b", é.png', 91)
    catalog, _ = scan(photos)
    catalog = catalog.with_problems({"=1+1.png": "broken,\nand more"})
    catalog.write(tmp_path / FILE)
    assert Catalog.read(tmp_path / FILE) == catalog
    assert "'=1+1.png" in (tmp_path / FILE).read_text()


def test_a_missing_catalog_is_empty(tmp_path):
    assert Catalog.read(tmp_path / FILE) == Catalog()


def test_unchanged_files_are_not_read_again(photos, settled):
    catalog, _ = Catalog().scan(Counted(photos), progress=False)
    before = Counted.reads
    again, changes = catalog.scan(Counted(photos), progress=False)
    assert Counted.reads == before
    assert again == catalog
    assert not changes.new


def test_a_file_that_was_just_written_is_read_again(photos):
    catalog, _ = scan(photos)
    assert {row.modified for row in catalog.rows.values()} == {0}
    (photos / "a" / "0.png").write_bytes((photos / "b" / "1.png").read_bytes())
    _, changes = scan(photos, catalog)  # of the same size, within the tick of a clock
    assert list(changes.changed) == ["a/0.png"]


def test_files_of_the_same_size_and_time_that_swap_names_are_noticed(tmp_path, settled):
    for name, content in (("x.png", b"one"), ("y.png", b"two")):
        (tmp_path / name).write_bytes(content)
        os.utime(tmp_path / name, (1e9, 1e9))
    catalog, _ = scan(tmp_path)
    time.sleep(0.02)
    os.rename(tmp_path / "x.png", tmp_path / "z")
    os.rename(tmp_path / "y.png", tmp_path / "x.png")
    os.rename(tmp_path / "z", tmp_path / "y.png")
    _, changes = scan(tmp_path, catalog)
    assert changes.moved == {"x.png": "y.png", "y.png": "x.png"}
    assert not changes.changed


def test_each_kind_of_change_is_reported(photos, save):
    catalog, _ = scan(photos)
    (photos / "c").mkdir()
    os.rename(photos / "a" / "0.png", photos / "c" / "zero.png")
    save(photos / "a" / "2.png", 99)
    (photos / "a" / "4.png").unlink()
    save(photos / "new.png", 98)
    (photos / "copy.png").write_bytes((photos / "b" / "1.png").read_bytes())
    after, changes = scan(photos, catalog)
    assert changes.moved == {"a/0.png": "c/zero.png"}
    assert changes.changed == ["a/2.png"]
    assert changes.missing == ["a/4.png"]
    assert changes.new == ["copy.png", "new.png"]
    assert changes.duplicates == [["b/1.png", "copy.png"]]
    assert changes.total == len(after.names) == 13
    assert after.missing == ["a/4.png"]
    text = str(changes)
    for words in ("13 samples, 2 of them new", "a/0.png -> c/zero.png", "a/2.png", "a/4.png",
                  "b/1.png = copy.png"):  # fmt: skip
        assert words in text


def test_a_file_that_was_away_and_comes_back_under_another_name_is_the_same(photos):
    catalog, _ = scan(photos)
    content = (photos / "a" / "0.png").read_bytes()
    (photos / "a" / "0.png").unlink()
    catalog, changes = scan(photos, catalog)
    assert changes.missing == ["a/0.png"]
    catalog, changes = scan(photos, catalog)
    assert changes.missing == ["a/0.png"]  # still
    (photos / "back.png").write_bytes(content)
    catalog, changes = scan(photos, catalog)
    assert changes.moved == {"a/0.png": "back.png"}
    assert catalog.missing == []
    assert "back.png" in catalog.names


def test_a_file_that_comes_back_under_its_name_is_not_new(photos):
    catalog, _ = scan(photos)
    content = (photos / "a" / "0.png").read_bytes()
    (photos / "a" / "0.png").unlink()
    catalog, _ = scan(photos, catalog)
    (photos / "a" / "0.png").write_bytes(content)
    catalog, changes = scan(photos, catalog)
    assert not changes.new
    assert not changes
    assert "a/0.png" in catalog.names


def test_a_folder_that_was_away_comes_back_without_being_read_again(photos, settled):
    catalog, _ = Catalog().scan(Counted(photos), progress=False)
    os.rename(photos / "a", photos.parent / "away")
    catalog, _ = catalog.scan(Counted(photos), progress=False)
    assert len(catalog.missing) == 6
    os.rename(photos.parent / "away", photos / "a")
    before = Counted.reads
    catalog, _ = catalog.scan(Counted(photos), progress=False)
    assert catalog.missing == []
    assert len(catalog.names) == 12
    assert Counted.reads == before


def test_of_two_lost_copies_neither_is_guessed_to_be_the_one_that_appears(photos):
    content = (photos / "a" / "0.png").read_bytes()
    (photos / "a" / "copy.png").write_bytes(content)
    catalog, _ = scan(photos)
    (photos / "a" / "0.png").unlink()
    os.rename(photos / "a" / "copy.png", photos / "other.png")
    _, changes = scan(photos, catalog)
    assert changes.moved == {}
    assert changes.new == ["other.png"]
    assert changes.missing == ["a/0.png", "a/copy.png"]


def test_a_file_that_another_one_replaces_by_moving_is_changed(photos):
    catalog, _ = scan(photos)
    os.replace(photos / "a" / "0.png", photos / "a" / "2.png")
    _, changes = scan(photos, catalog)
    assert changes.moved == {"a/0.png": "a/2.png"}
    assert changes.changed == ["a/2.png"]  # its former content is gone, and so must be the label


def test_a_problem_stays_until_the_content_changes(photos, settled, save):
    catalog, _ = scan(photos)
    catalog = catalog.with_problems({"a/0.png": "broken."})
    catalog, _ = scan(photos, catalog)
    assert catalog.problems == {"a/0.png": "broken."}
    assert "a/0.png" not in catalog.names
    save(photos / "a" / "0.png", 77)
    catalog, changes = scan(photos, catalog)
    assert catalog.problems == {}
    assert changes.changed == ["a/0.png"]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root reads all files")
def test_a_file_without_permission_is_a_problem(photos):
    (photos / "a" / "0.png").chmod(0)
    catalog, _ = scan(photos)
    assert "Permission denied" in catalog.problems["a/0.png"]


def test_a_link_that_leads_nowhere_is_a_problem_and_not_an_error(photos):
    catalog, _ = scan(photos)
    os.symlink(photos / "gone.png", photos / "link.png")
    catalog, _ = scan(photos, catalog)
    assert "No such file" in catalog.problems["link.png"]
    assert len(catalog.names) == 12
    (photos / "gone.png").write_bytes(b"here now")
    catalog, _ = scan(photos, catalog)
    assert {"gone.png", "link.png"} <= set(catalog.names)


DAMAGED = {
    "another file": ("a,b\n", "line 1: expected the columns name, size"),
    "a row too short": ("name,size,modified,hash,problem\na,1,2,h\n", "line 2: expected 5 cells"),
    "a size in words": ("name,size,modified,hash,problem\na,x,2,h,\n", "line 2: size and"),
    "a name twice": ("name,size,modified,hash,problem\na,1,2,h,\na,1,2,h,\n", "line 3: 'a' is"),
    "nothing": ("", "line 1"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_catalog_is_reported_with_its_line(tmp_path, case):
    text, words = DAMAGED[case]
    (tmp_path / FILE).write_text(text)
    with pytest.raises(ProjectError, match=words) as caught:
        Catalog.read(tmp_path / FILE)
    assert "delete the file" in str(caught.value)


def test_a_catalog_that_cannot_be_written_leaves_the_old_one(photos, tmp_path, monkeypatch):
    catalog, _ = scan(photos)
    catalog.write(tmp_path / FILE)
    before = (tmp_path / FILE).read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FolderError, match="No space left"):
        catalog.with_problems({"a/0.png": "x"}).write(tmp_path / FILE)
    assert (tmp_path / FILE).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if path.name != "photos"] == [FILE]


def test_lines_that_are_inserted_above_texts_move_them(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text("one\ntwo\nsame\nsame\n")
    catalog, changes = Catalog().scan(Texts(path), progress=False)
    before = catalog.names
    assert len(changes.duplicates) == 1
    path.write_text("zero\none\ntwo\nsame\nsame\n")
    catalog, changes = catalog.scan(Texts(path), progress=False)
    first, second, same, _ = before
    # one of the texts that are the same has the name that the other one had: either may move
    new = (*catalog.names[1:3], catalog.names[4])
    assert changes.moved == dict(zip((first, second, same), new))
    assert changes.new == catalog.names[:1]
    assert not changes.missing


def test_items_that_grow_keep_their_names(settled):
    catalog, _ = Catalog().scan(Items(["a", "b", "c"]), progress=False)
    catalog, changes = catalog.scan(Items(["a", "b", "c", "d"]), progress=False)
    assert changes.new == ["3"]
    assert not changes
    _, changes = catalog.scan(Items(["a", "x", "c", "d"]), progress=False)
    assert changes.changed == ["1"]


names = st.sampled_from([f"{folder}{letter}.png" for folder in ("", "d/") for letter in "abcde"])
steps = st.one_of(
    st.tuples(st.just("write"), names),
    st.tuples(st.just("delete"), names),
    st.tuples(st.just("move"), names, names),
    st.tuples(st.just("swap"), names, names),
    st.tuples(st.just("label"), names),
)


@given(st.lists(st.lists(steps, max_size=6), min_size=1, max_size=4))
def test_labels_follow_the_content_whatever_happens_to_the_files(tmp_path_factory, sessions):
    """A model in memory: the content of each file; a label is the content that a person saw."""
    folder = tmp_path_factory.mktemp("photos")
    (folder / "d").mkdir()
    fresh = count()
    disk: dict[str, bytes] = {}
    labels: dict[str, bytes] = {}
    catalog = Catalog()
    for session in sessions:
        for kind, name, *other in session:
            path = folder / name
            if kind == "write":
                disk[name] = b"content %d" % next(fresh)
                path.write_bytes(disk[name])
            elif kind == "delete" and name in disk:
                del disk[name]
                path.unlink()
            elif kind == "move" and name in disk and other[0] != name:
                disk[other[0]] = disk.pop(name)
                os.replace(path, folder / other[0])
            elif kind == "swap" and name in disk and other[0] in disk and other[0] != name:
                disk[name], disk[other[0]] = disk[other[0]], disk[name]
                for at in (name, other[0]):
                    (folder / at).write_bytes(disk[at])
        if not disk:
            continue
        known = set(labels.values())
        catalog, changes = scan(folder, catalog)
        for name in changes.changed:
            labels.pop(name, None)
        moved = {new: labels.pop(old) for old, new in changes.moved.items() if old in labels}
        labels.update(moved)
        assert set(catalog.names) == set(disk)
        for name, content in disk.items():
            assert labels.get(name, content) == content  # never the label of another content
            if content in known:
                assert labels[name] == content  # and none is lost while its content is there
        for kind, name, *_ in session:
            if kind == "label" and name in disk:
                labels[name] = disk[name]
