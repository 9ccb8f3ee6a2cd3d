import numpy as np
import pytest
import torch

import alkit as al
from alkit.errors import ProjectError
from alkit.project.models import Rows, is_network, named
from alkit.project.settings import ModelSettings


def test_the_options_of_a_model_are_those_of_project_toml(points):
    project = points.project()
    path = project.folder / "project.toml"
    text = path.read_text()
    path.write_text(text + "\n[model.options]\nC = 0.01\n")
    assert points.project().strategy.module.estimator.C == 0.01
    path.write_text(text + "\n[model.options]\nD = 0.01\n")
    with pytest.raises(ProjectError, match=r"no option 'D'.*'C'"):
        _ = points.project().pool
    path.write_text(text.replace('name = "logistic regression"', 'name = "logistic regresion"'))
    with pytest.raises(ProjectError, match=r"unknown model .* Did you mean 'logistic regression'"):
        _ = points.project().pool


def test_a_network_of_torchvision_is_fine_tuned_by_name(photos, tmp_path, monkeypatch):
    from alkit.features import networks

    def small(name):
        assert name == "resnet18"
        body = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(2), torch.nn.Flatten())
        return body, networks.prepared, "weights"

    monkeypatch.setattr("alkit.project.models.of_torchvision", small)  # no download
    project = al.Project(tmp_path / "p", images=photos, classes=["a", "b"], seed=0)
    path = tmp_path / "p" / "project.toml"
    path.write_text(path.read_text().replace("logistic regression", "resnet18"))
    project = al.Project(tmp_path / "p")
    assert project.pool[0].shape[0] == 3
    project.label(8, oracle=lambda ids: [int(i) % 2 for i in ids])
    assert project.train().accuracy is not None
    assert len(project.predictions()) == 4
    why = project.query(2).reasons
    assert "UncertaintyHerding(space=Given((12, 11)), bandwidth=1.0) of Rank(Margin())" in str(why)
    factory, training = named(ModelSettings("resnet18", {"max_epochs": 2}), 0, np.eye(2))
    assert training == {"max_epochs": 2}
    assert callable(factory)


def test_rows_are_tensors_one_by_one_and_in_batches():
    rows = np.arange(12, dtype=np.float32).reshape(4, 3)
    data = Rows(rows)
    assert len(data) == 4
    assert torch.equal(data[1], torch.tensor([3.0, 4.0, 5.0]))
    assert torch.equal(torch.stack(data.__getitems__([2, 0])), torch.from_numpy(rows[[2, 0]]))
    assert not is_network(ModelSettings())
    assert is_network(ModelSettings("resnet18"))
