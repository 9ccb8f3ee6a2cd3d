"""Frozen networks that are read from files."""

import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

import alkit as al
from alkit.errors import FeaturesError
from alkit.features import Source, make, recipe

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")
X = torch.randn(40, 4, generator=torch.Generator().manual_seed(0))
BATCH = torch.export.Dim("batch")


def source(x=X):
    def read(ids):
        yield from ((ids[k : k + 16], x[ids[k : k + 16]]) for k in range(0, len(ids), 16))

    return Source(np.arange(len(x)), len(x), read)


def network():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = nn.Sequential(
            nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3)
        )
        net(torch.randn(30, 4))
        return net.eval()


def export(net, path, **options):
    options = options or {"dynamic_shapes": ({0: BATCH},)}
    torch.export.save(torch.export.export(net, (X[:5],), **options), path)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder of networks that compute the same, saved in all ways."""
    folder = tmp_path_factory.mktemp("saved")
    net = network()
    torch.jit.script(net).save(str(folder / "scripted.pt"))
    torch.jit.script(network().train()).save(str(folder / "scripted_in_training.pt"))
    torch.jit.trace(net, X[:5]).save(str(folder / "traced.pt"))
    torch.jit.freeze(torch.jit.script(net)).save(str(folder / "frozen.pt"))
    export(net, folder / "exported.pt2")
    return folder


KINDS = ["scripted.pt", "scripted_in_training.pt", "traced.pt", "frozen.pt", "exported.pt2"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_network_has_the_features_of_the_network(files, kind):
    expected = make(al.Frozen(network()), source())
    for path in (files / kind, str(files / kind)):
        torch.testing.assert_close(make(al.Frozen(path), source()), expected)
    assert repr(al.Frozen(files / kind)) == f"Frozen({kind!r})"


@pytest.mark.parametrize("kind", KINDS[:1] + KINDS[-1:])
def test_auto_takes_the_path_of_a_network(files, kind, monkeypatch):
    monkeypatch.chdir(files)
    pool = al.ActiveLearningDataset(TensorDataset(X, torch.arange(40) % 2))
    net = nn.Linear(4, 2)
    expected = al.auto(net, pool, features=network(), seed=0).build().query(5)
    for asked in (
        al.auto(net, pool, features=kind, seed=0),
        al.auto(net, pool, features=Path(kind), seed=0),
        al.Strategy(net, pool, acquisition=al.querying.Auto(kind), seed=0),
    ):
        query = asked.build().query(5)
        assert query.indices.tolist() == expected.indices.tolist()
        assert kind in query.why


def test_layers_are_still_layers_and_a_missing_file_is_named(tmp_path, monkeypatch):
    pool = al.ActiveLearningDataset(TensorDataset(X, torch.arange(40) % 2))
    net = nn.Sequential(nn.Sequential(nn.Linear(4, 8)), nn.Linear(8, 2))
    layer = al.auto(net, pool, features="0.0", acquisition=al.Acquisition(), seed=0)
    assert layer.predictor.features == "0.0"
    for wrong in ("encoder.pt", "encoders/net", "encoder.pt2"):
        with pytest.raises(FeaturesError, match=f"no file '{wrong}'.*torch.jit.save"):
            al.auto(net, pool, features=wrong)
    with pytest.raises(FeaturesError, match=r"no file '0\.0'.*features= of the strategy"):
        al.querying.Auto("0.0")


def test_the_features_are_made_again_for_another_file(files, tmp_path):
    path, folder = tmp_path / "net.pt", tmp_path / "features"
    path.write_bytes((files / "frozen.pt").read_bytes())
    space = al.Frozen(path, folder=folder)
    first, key = make(space, source()), recipe(space)
    assert recipe(al.Frozen(str(path))) == key
    other = network()
    other[0].weight.data.add_(1)
    torch.jit.freeze(torch.jit.script(other)).save(str(path))
    assert recipe(space) != key
    torch.testing.assert_close(make(space, source()), make(al.Frozen(other), source()))
    assert not torch.allclose(make(space, source()), first)


def test_what_is_no_network_names_the_remedy(files, tmp_path):
    net = network()
    torch.save(net.state_dict(), tmp_path / "weights.pt")
    torch.save(net, tmp_path / "pickled.pt")
    torch.save(net.state_dict(), tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    (tmp_path / "empty.pt").touch()
    for kind in KINDS:
        whole = (files / kind).read_bytes()
        (tmp_path / f"half_{kind}").write_bytes(whole[: len(whole) // 2])
    for path in sorted(tmp_path.iterdir()):
        with pytest.raises(FeaturesError, match=r"load_state_dict.*Frozen\(network\)") as caught:
            make(al.Frozen(path), source())
        words = "weights alone" if path.name in ("weights.pt", "pickled.pt") else "damaged"
        assert words in str(caught.value)
    with pytest.raises(FeaturesError, match="there is no file"):
        al.Frozen(tmp_path)


class Evil:
    """An object that runs code when it is unpickled."""

    def __reduce__(self):
        return Path.touch, (Path("ran"),)


def rewritten(path, to, change):
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(to, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))


def test_no_pickled_code_of_a_file_runs(files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save(Evil(), "evil.pt")

    def sample(name, content):
        return Path("evil.pt").read_bytes() if name.endswith("sample_inputs/model.pt") else content

    def weights(name, content):
        if name.endswith("weights_config.json"):
            config = json.loads(content)
            next(iter(config["config"].values()))["use_pickle"] = True
            return json.dumps(config)
        return Path("evil.pt").read_bytes() if name.endswith("weight_0") else content

    def opaque(name, content):
        if name.endswith("constants_config.json"):
            meta = {"path_name": "opaque_obj_0", "is_param": False, "use_pickle": True}
            return json.dumps({"config": {"x": {**meta, "tensor_meta": None}}})
        return content

    rewritten(files / "exported.pt2", "sample.pt2", sample)
    rewritten(files / "exported.pt2", "weights.pt2", weights)
    rewritten(files / "exported.pt2", "opaque.pt2", opaque)
    with zipfile.ZipFile("opaque.pt2", "a") as file:
        root = file.namelist()[0].split("/")[0]
        file.writestr(f"{root}/data/constants/opaque_obj_0", pickle.dumps(Evil()))
    for path in ("evil.pt", "sample.pt2", "weights.pt2", "opaque.pt2"):
        with pytest.raises(FeaturesError):
            make(al.Frozen(path), source())
        assert not Path("ran").exists(), path


def test_a_network_that_keeps_the_mode_of_training_is_an_error(tmp_path):
    net = network().train()
    torch.jit.trace(net, X[:5], check_trace=False).save(str(tmp_path / "traced.pt"))
    export(net, tmp_path / "exported.pt2")
    for path in tmp_path.iterdir():
        with pytest.raises(FeaturesError, match=r"in training mode.*network\.eval\(\)"):
            make(al.Frozen(path), source())
    part = nn.Sequential(nn.Identity(), torch.jit.trace(net, X[:5], check_trace=False))
    with pytest.raises(FeaturesError, match="in training mode"):
        make(al.Frozen(part), source())


def test_a_network_for_other_samples_is_an_error(files, tmp_path):
    export(network(), tmp_path / "five.pt2", dynamic_shapes=None)
    with pytest.raises(FeaturesError, match=r"does not take the samples.*dynamic_shapes"):
        make(al.Frozen(tmp_path / "five.pt2"), source())
    for kind in KINDS:
        with pytest.raises(FeaturesError, match="does not take the samples"):
            make(al.Frozen(files / kind), source(X[:, :3]))
