from urllib.error import URLError

import numpy as np
import pytest
import torch
from torch import nn
from torchvision import models

from alkit.errors import ProjectError
from alkit.features.networks import download
from alkit.project.catalog import Catalog
from alkit.project.features import compute
from alkit.project.samples import Images

NAME = "shufflenet_v2_x0_5"  # the smallest download


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """An empty folder of downloads, on a machine without a network."""

    def offline(*_, **__):
        raise URLError("Name or service not known")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr("torch.hub.urlopen", offline)
    return tmp_path / "torch" / "hub" / "checkpoints"


def weights_at(hub):
    """Random weights in the place of downloaded ones."""
    hub.mkdir(parents=True)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = models.get_model(NAME, weights=None)
    url = models.get_model_weights(NAME).DEFAULT.url
    torch.save(network.state_dict(), hub / url.rpartition("/")[2])
    return network


def features(photos, folder):
    source = Images(photos)
    catalog, _ = Catalog().scan(source, progress=False)
    return compute(source, catalog, folder, NAME, progress=False)


def test_the_download_is_announced_with_its_size_and_place(hub):
    text = download(NAME)
    for words in (NAME, "(5 MB)", "https://download.pytorch.org/", str(hub)):
        assert words in text
    weights_at(hub)
    assert download(NAME) == ""


def test_offline_without_weights_the_error_says_what_to_do(hub, photos, tmp_path, capsys):
    with pytest.raises(ProjectError, match=r"not known.*Download https.*copy it to.*\"pixels\""):
        features(photos, tmp_path)
    assert "alkit: the weights of shufflenet" in capsys.readouterr().err
    assert not list((tmp_path / "features").glob("*.npy"))


def test_damaged_weights_are_named(hub, photos, tmp_path):
    weights_at(hub)
    file = next(hub.iterdir())
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(ProjectError, match=r"cannot be loaded.*Delete .*shufflenet"):
        features(photos, tmp_path)


def test_features_are_the_input_of_the_last_layer_at_one_length(hub, photos, tmp_path, capsys):
    network = weights_at(hub).eval()
    found = features(photos, tmp_path)
    assert capsys.readouterr().err == ""
    source, prepare = Images(photos), models.get_model_weights(NAME).DEFAULT.transforms()
    with torch.inference_mode():
        batch = torch.stack([prepare(source.read(name).convert("RGB")) for name in source.names])
        network.fc = nn.Identity()
        reference = network(batch).numpy()
    reference *= 3 / np.linalg.norm(reference, axis=1, keepdims=True)
    np.testing.assert_allclose(found.rows, reference, rtol=1e-3, atol=1e-4)
    assert found.name == NAME
    assert found.note == ""
