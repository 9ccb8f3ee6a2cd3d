import numpy as np
import pytest

from alkit.errors import ProjectError
from alkit.project.samples import Embeddings, Images, Items, Texts
from alkit.project.settings import Data
from alkit.project.sources import source_of


def test_each_kind_is_found_relative_to_the_folder_of_the_project(tmp_path, photos):
    (tmp_path / "t.csv").write_text("id,body\na,one\nb,two\n")
    (tmp_path / "names.txt").write_text("a\nb")
    np.save(tmp_path / "e.npy", np.eye(2))
    folder = tmp_path / "project"
    folder.mkdir()
    kinds = {
        Images: Data("images", "../photos"),
        Texts: Data("texts", "../t.csv", names="id", column="body"),
        Embeddings: Data("embeddings", str(tmp_path / "e.npy"), names="../names.txt"),
    }
    for kind, data in kinds.items():
        assert isinstance(source_of(data, folder), kind)
    assert source_of(kinds[Texts], folder).names == ["a", "b"]
    assert source_of(kinds[Embeddings], folder).names == ["a", "b"]


def test_a_dataset_is_given_in_python(tmp_path):
    source = source_of(Data("dataset"), tmp_path, ["x", "y"], names=["a", "b"])
    assert isinstance(source, Items)
    assert source.names == ["a", "b"]
    with pytest.raises(ProjectError, match="pass dataset="):
        source_of(Data("dataset"), tmp_path)


def test_images_in_the_folder_of_the_project_are_not_samples(photos, save):
    save(photos / "project" / "thumbnail.png")
    source = source_of(Data("images", ".."), photos / "project")
    assert len(source.names) == 12
