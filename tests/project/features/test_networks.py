from urllib.error import URLError

import numpy as np
import pytest
import torch
from torch import nn
from torchvision import models

from alkit.errors import ProjectError
from alkit.project.catalog import Catalog
from alkit.project.features import compute
from alkit.project.features.networks import (
    described,
    download,
    fingerprint,
    network_names,
    without_last_layer,
)
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


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "efficientnet_b0", "alexnet"])
def test_the_last_layer_is_found_in_networks_of_all_forms(name):
    with torch.device("meta"):
        network = models.get_model(name, weights=None)
        width = [part for part in network.modules() if isinstance(part, nn.Linear)][-1].in_features
        output = without_last_layer(network).eval()(torch.zeros(2, 3, 224, 224))
    assert output.shape == (2, width)


def test_names_are_those_of_classifiers():
    assert {"resnet18", "vit_b_16", "convnext_tiny"} <= set(network_names())
    assert "fasterrcnn_resnet50_fpn" not in network_names()


def test_a_fingerprint_tells_layers_weights_and_buffers_apart():
    def net(seed: int, *last: nn.Module) -> nn.Module:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), *last)

    trained = net(0)
    trained(torch.randn(4, 3))  # running statistics
    nets = [net(0), net(1), net(0, nn.ReLU()), net(0, nn.Tanh()), trained]
    assert len({fingerprint(each) for each in nets}) == 5
    assert fingerprint(net(0)) == fingerprint(net(0))


def test_functions_are_described_by_their_code_and_what_they_hold():
    def scaled(factor):
        return lambda x: x * factor

    functions = [scaled(1), scaled(2), lambda x: x + 1, lambda x: x + 2, np.sqrt, nn.ReLU()]
    assert len({described(function) for function in functions}) == 6
    assert described(scaled(1)) == described(scaled(1))
    assert described(nn.ReLU()) == "ReLU()"
