import os
from collections import namedtuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alkit.errors import FolderError
from alkit.features import cache as caches
from alkit.features.cache import Cache, Part
from alkit.features.vectors import Job, vectors
from alkit.project.samples.source import hash_of


def contents(*numbers: int) -> list[str]:
    return [hash_of(b"%d" % number) for number in numbers]


def rows(*numbers: int) -> np.ndarray:
    return np.array([[number, -number] for number in numbers], np.float32)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "features"


def computed(folder, *numbers, recipe="r", broken=(), fails_after=None):
    """Vectors of contents, in chunks of two, and the names that were computed."""
    made = []
    copies = [numbers[:place].count(number) for place, number in enumerate(numbers)]
    names = [f"n{number}{'b' * copy}" for number, copy in zip(numbers, copies)]
    job = Job(folder, names, contents(*numbers))

    def make(todo):
        for start in range(0, len(todo), 2):
            chunk = [name for name in todo[start : start + 2] if name not in broken]
            job.problems.update({n: "bad" for n in todo[start : start + 2] if n in broken})
            if fails_after is not None and len(made) >= fails_after:
                raise KeyboardInterrupt
            made.extend(chunk)
            if chunk:
                yield chunk, rows(*(int(name[1:]) for name in chunk))

    return vectors(Cache(folder, "x", recipe), job, make), made, job


def test_a_whole_file_is_read_as_it_was_written(folder):
    folder.mkdir()
    Cache(folder, "x", "r").write_chunks(contents(1, 2, 3), iter([rows(1, 2), rows(3)]))
    again = Cache(folder, "x", "r")
    found = again.ordered(contents(1, 2, 3))
    np.testing.assert_array_equal(found, rows(1, 2, 3))
    assert isinstance(found, np.memmap)
    assert Cache(folder, "x", "another recipe").rows is None


def test_contents_in_another_order_are_read_in_that(folder):
    folder.mkdir()
    Cache(folder, "x", "r").write_chunks(contents(1, 2, 3), iter([rows(1, 2, 3)]))
    found = Cache(folder, "x", "r").ordered(contents(3, 1, 2, 3))
    np.testing.assert_array_equal(found, rows(3, 1, 2, 3))
    assert len(list(folder.glob("*.npy"))) == 1


def test_nothing_is_computed_twice(folder):
    found, made, _ = computed(folder, 1, 2, 3)
    assert made == ["n1", "n2", "n3"]
    found, made, _ = computed(folder, 3, 4, 1, 5)
    assert made == ["n4", "n5"]
    np.testing.assert_array_equal(found.rows, rows(3, 4, 1, 5))
    assert computed(folder, 3, 4, 1, 5)[1] == []
    assert sorted(path.suffix for path in folder.iterdir()) == [".json", ".npy"]


def test_copies_are_computed_once(folder):
    found, made, _ = computed(folder, 1, 2, 1, 1)
    assert made == ["n1", "n2"]
    np.testing.assert_array_equal(found.rows, rows(1, 2, 1, 1))


def test_another_recipe_computes_all(folder):
    computed(folder, 1, 2)
    assert computed(folder, 1, 2, recipe="other weights")[1] == ["n1", "n2"]


def test_what_cannot_be_read_is_left_out_with_its_copies(folder):
    found, _, job = computed(folder, 1, 2, 3, broken=("n2",))
    assert found.names == ["n1", "n3"]
    assert job.problems == {"n2": "bad"}
    np.testing.assert_array_equal(found.rows, rows(1, 3))


def test_an_interrupted_computation_continues(folder):
    with pytest.raises(KeyboardInterrupt):
        computed(folder, *range(9), fails_after=4)
    found, made, _ = computed(folder, *range(9))
    assert made == ["n4", "n5", "n6", "n7", "n8"]
    np.testing.assert_array_equal(found.rows, rows(*range(9)))
    assert not list(folder.glob("*.part*"))


@settings(max_examples=20)
@given(st.data())
def test_a_part_that_was_cut_off_anywhere_is_read_up_to_there(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("features")
    with pytest.raises(KeyboardInterrupt):
        computed(folder, *range(9), fails_after=6)
    for name in ("x.part", "x.part.txt"):
        size = (folder / name).stat().st_size
        os.truncate(folder / name, data.draw(st.integers(0, size)))
    found, made, _ = computed(folder, *range(9))
    np.testing.assert_array_equal(found.rows, rows(*range(9)))
    assert set(made) >= {"n6", "n7", "n8"}


@settings(max_examples=20)
@given(st.data())
def test_a_whole_file_that_was_cut_off_is_computed_again(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("features")
    computed(folder, *range(5))
    victim = data.draw(st.sampled_from(sorted(folder.iterdir())))
    os.truncate(victim, data.draw(st.integers(0, victim.stat().st_size - 1)))
    found, made, _ = computed(folder, *range(5))
    np.testing.assert_array_equal(found.rows, rows(*range(5)))
    assert len(made) == 5


def test_a_file_of_other_rows_than_its_index_is_computed_again(folder):
    computed(folder, 1, 2)
    np.save(next(folder.glob("*.npy")), rows(1))
    assert computed(folder, 1, 2)[1] == ["n1", "n2"]


def test_a_full_disk_is_reported_before_a_file_is_begun(folder, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(caches.shutil, "disk_usage", lambda _: usage(10, 10, 10))
    with pytest.raises(FolderError, match=r"need 0 MB.*Free up disk space"):
        computed(folder, *range(5))


def test_a_disk_that_gets_full_leaves_nothing_half_and_keeps_what_was_computed(folder, monkeypatch):
    computed(folder, 1, 2)
    syncs, sync = [], os.fsync

    def full(file):
        syncs.append(file)
        if len(syncs) > 4:
            raise OSError(28, "No space left on device")
        sync(file)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FolderError, match="No space left on device"):
        computed(folder, *range(1, 9))
    monkeypatch.undo()
    np.testing.assert_array_equal(Cache(folder, "x", "r").rows, rows(1, 2))
    found, made, _ = computed(folder, *range(1, 9))
    assert len(made) < 6
    np.testing.assert_array_equal(found.rows, rows(*range(1, 9)))


def test_a_part_of_another_recipe_is_deleted(folder):
    folder.mkdir()
    Part(Cache(folder, "x", "r")).append(contents(1), rows(1))
    assert Part(Cache(folder, "x", "r")).contents == contents(1)
    assert Part(Cache(folder, "x", "another")).contents == []
    assert list(folder.iterdir()) == []
