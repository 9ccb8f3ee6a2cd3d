import numpy as np
import pytest

from alkit.errors import ProjectError, UnreadableSampleError
from alkit.project.samples import Embeddings


@pytest.fixture
def rows(tmp_path):
    array = np.arange(12, dtype=np.float16).reshape(4, 3)
    np.save(tmp_path / "e.npy", array)
    return array


def test_rows_are_samples_by_name(tmp_path, rows):
    (tmp_path / "names.txt").write_text("b.png\na.png\nc\nd\n\n")
    source = Embeddings(tmp_path / "e.npy", tmp_path / "names.txt")
    assert list(source.names) == ["b.png", "a.png", "c", "d"]
    np.testing.assert_array_equal(source.read("a.png"), rows[1])
    assert source.read("a.png").dtype == np.float32
    assert len({source.hash(name) for name in source.names}) == 4


def test_without_names_they_are_numbers(tmp_path, rows):
    source = Embeddings(tmp_path / "e.npy")
    assert list(source.names) == ["0", "1", "2", "3"]
    assert source.shown("3") == (b"3", "text/plain; charset=utf-8")


def test_an_image_beside_the_names_is_shown_and_none_outside(tmp_path, rows, save):
    inside = save(tmp_path / "data" / "x" / "b.png")
    save(tmp_path / "secret.png")
    names = tmp_path / "data" / "names.txt"
    names.write_text(f"x/b.png\n../secret.png\n{tmp_path}/secret.png\nx/no.png")
    source = Embeddings(tmp_path / "e.npy", names)
    assert source.shown("x/b.png") == (inside.read_bytes(), "image/png")
    assert {source.shown(name).type for name in source.names[1:]} == {"text/plain; charset=utf-8"}


def test_a_row_that_is_not_finite_cannot_be_read(tmp_path):
    np.save(tmp_path / "e.npy", np.array([[1.0, 2], [np.nan, 0]]))
    with pytest.raises(UnreadableSampleError, match="NaN"):
        Embeddings(tmp_path / "e.npy").read("1")


NAMES = {
    "too few": ("a\nb\n", "2 names.*4 rows"),
    "one twice": ("a\nb\na\nc", "line 3: 'a' is in line 1"),
    "an empty line": ("a\n\nb\nc\nd", "line 2: this line is empty"),
}


@pytest.mark.parametrize("case", NAMES)
def test_names_that_do_not_fit_are_reported(tmp_path, rows, case):
    content, words = NAMES[case]
    (tmp_path / "names.txt").write_text(content)
    with pytest.raises(ProjectError, match=words):
        Embeddings(tmp_path / "e.npy", tmp_path / "names.txt")


def test_missing_files_are_reported(tmp_path, rows):
    with pytest.raises(ProjectError, match=r"there is no file .*no\.npy"):
        Embeddings(tmp_path / "no.npy")
    with pytest.raises(ProjectError, match=r"there is no file .*names\.txt, with the names"):
        Embeddings(tmp_path / "e.npy", tmp_path / "names.txt")


ARRAYS = {
    "one axis": np.zeros(3),
    "three axes": np.zeros((2, 2, 2)),
    "texts": np.array([["a"]]),
    "nothing": np.zeros((0, 3)),
    "objects": np.array([[{}]], dtype=object),
}


@pytest.mark.parametrize("case", ARRAYS)
def test_arrays_of_another_kind_are_reported(tmp_path, case):
    np.save(tmp_path / "e.npy", ARRAYS[case])
    with pytest.raises(ProjectError, match=r"e\.npy"):
        Embeddings(tmp_path / "e.npy")


def test_a_file_that_is_not_an_array_is_reported(tmp_path):
    (tmp_path / "e.npy").write_text("a,b")
    with pytest.raises(ProjectError, match=r"not a \.npy file of numbers"):
        Embeddings(tmp_path / "e.npy")
    np.savez(tmp_path / "e.npz", a=np.zeros((2, 2)))
    (tmp_path / "e.npz").rename(tmp_path / "e.npy")
    with pytest.raises(ProjectError, match="several arrays"):
        Embeddings(tmp_path / "e.npy")
