"""Arrays, names and scores in files."""

import numpy as np
import pytest

from alkit.cli.files import array, names_of, scores_of
from alkit.errors import PredictionError, SampleIndexError


def test_an_array_is_mapped_and_can_be_changed_in_memory_alone(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.arange(6.0).reshape(3, 2))
    mapped = array("--embeddings", path)
    assert isinstance(mapped, np.memmap)
    mapped[0] = 9
    assert np.load(path)[0].tolist() == [0, 1]
    np.save(path, np.array(3.0))
    with pytest.raises(PredictionError, match=r"--embeddings .* is one number"):
        array("--embeddings", path)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("n.txt", "b.jpg\r\na, b.jpg\r\n\r\n"),
        ("n.csv", 'id,name\n7,b.jpg\n8,"a, b.jpg"\n'),
        ("n.json", '["b.jpg", "a, b.jpg"]'),
        ("n.txt", "\ufeffb.jpg\na, b.jpg"),
    ],
)
def test_names_come_in_their_order_from_any_list(tmp_path, file, text):
    (tmp_path / file).write_text(text, encoding="utf-8", newline="")
    assert names_of(tmp_path / file) == ["b.jpg", "a, b.jpg"]


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("n.txt", "a\nb\na\nb\na", r"'a' is the name of row 0 and of row 2 \(3 names are repeated"),
        ("n.csv", "file\na\n", "has no column name"),
        ("n.csv", "id,name\n1,a\n2,\n", "row 1 has no name"),
        ("n.csv", 'name\n"a\n', "a quote is not closed"),
    ],
)
def test_names_that_are_not_distinct_are_refused(tmp_path, file, text, told):
    (tmp_path / file).write_text(text)
    with pytest.raises(SampleIndexError, match=told):
        names_of(tmp_path / file)


def test_scores_are_joined_by_name_by_row_number_or_by_their_order(tmp_path):
    path = tmp_path / "s.csv"
    path.write_text("name,score\nc,3\nb,\na,1\n")
    np.testing.assert_equal(scores_of(path, ["a", "b", "c"], 3, [0, 2]), [1, np.nan, 3])
    path.write_text("id,score\n2,3\n0,1\n")
    np.testing.assert_equal(scores_of(path, None, 4, [0, 2]), [1, np.nan, 3, np.nan])
    np.testing.assert_equal(scores_of(path, None, 0, [0, 2]), [1, np.nan, 3])
    path.write_text("score\n2\n1e-3\n")
    assert scores_of(path, ["a", "b", "c"], 3, [0, 2]).tolist() == [2, 0.001]


@pytest.mark.parametrize(
    ("text", "error", "told"),
    [
        ("name,score\na,1\na,2\n", SampleIndexError, "row 0 .'a'. is given more than once"),
        ("name,score\nx,1\n", SampleIndexError, "'x' is not among the 3 names"),
        ("name,score\na,1\n", PredictionError, "no score for 1 of 2 candidates, such as 'c'"),
        ("name,score\na,\nc,nan\n", PredictionError, "no score for 2 of 2 candidates"),
        ("name,score\na,high\n", PredictionError, "line 2: 'high' is not a score"),
        ("id,name,score\n0,b,1\n", PredictionError, "no score for 2 of 2"),
    ],
)
def test_scores_that_do_not_fit_are_refused(tmp_path, text, error, told):
    (tmp_path / "s.csv").write_text(text)
    with pytest.raises(error, match=told):
        scores_of(tmp_path / "s.csv", ["a", "b", "c"], 3, [0, 2])
