import pytest
from torch.utils.data import Subset

from alkit.errors import UnreadableSampleError
from alkit.pool.unreadable import path_of, unreadable


class Folder:
    def __init__(self, samples):
        self.samples = samples


FILES = Folder([("a/0.png", 0), ("a/1.png", 0), ("b/2.png", 1)])


def test_the_path_of_a_sample_is_that_of_a_folder_of_torchvision_also_inside_subsets():
    assert path_of(FILES, 2) == "b/2.png"
    assert path_of(Subset(Subset(FILES, [2, 0]), [1, 0]), 0) == "a/0.png"


@pytest.mark.parametrize("samples", [None, [], [3.0, 4.0, 5.0], [(1, "x")] * 3, ()])
def test_there_is_no_path_without_a_list_of_paths(samples):
    assert path_of(Folder(samples), 2) == ""


def test_the_error_names_sample_path_cause_and_the_others_that_were_read_with_it():
    cause = ValueError("truncated.")
    error = unreadable(cause, 1, FILES, lambda index: f"sample {index}", others=range(2, 9))
    assert isinstance(error, UnreadableSampleError)
    text = "sample 1, a/1.png, read together with 2, 3, 4, 5, 6, cannot be read (ValueError: trunc"
    assert str(error).startswith(text)
    assert "pool.exclude([1]" in str(error)


def test_a_path_that_is_the_name_of_the_sample_is_not_repeated():
    error = unreadable(OSError("gone"), 1, FILES, lambda index: "sample 1 ('a/1.png')")
    assert str(error).count("a/1.png") == 1
