import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import alkit as al
from alkit.errors import ShapeError

X = torch.linspace(-1, 1, 40)[:, None]


def test_the_default_loss_is_the_absolute_error():
    model = al.Regressor(al.MultiLayerPerceptron(1, [4], 1)).build()
    assert model.outputs == "values"
    data = DataLoader(TensorDataset(X, 2 * X[:, 0]), batch_size=16)
    result = al.Trainer(enable_progress_bar=False).test(model, data, verbose=False)[0]
    with torch.no_grad():
        error = (model(X) - 2 * X).abs().mean().item()
    assert result == {"test_loss_epoch": pytest.approx(error, rel=1e-5)}


@pytest.mark.parametrize("targets", [2 * X, 2 * X[:, 0], (2 * X[:, 0]).double()])
def test_a_line_is_learned_whatever_the_form_of_the_targets(targets):
    torch.manual_seed(0)
    model = al.Regressor(al.Layer(nn.Linear, 1, 1), optimizer=al.Adam(lr=0.1)).build()
    data = DataLoader(TensorDataset(X, targets), batch_size=40)
    al.Trainer(max_epochs=45, enable_progress_bar=False).fit(model, data)
    assert model.model.weight.item() == pytest.approx(2, abs=0.3)


def test_targets_of_another_shape_are_an_error():
    model = al.Regressor(al.Layer(nn.Linear, 1, 1)).build()
    data = DataLoader(TensorDataset(X, X.repeat(1, 2)), batch_size=20)
    with pytest.raises(ShapeError, match=r"\(20, 2\)"):
        al.Trainer(max_epochs=1, enable_progress_bar=False).fit(model, data)


def test_a_regressor_with_a_loss_of_its_own_returns_values():
    def loss(outputs, targets):
        return (outputs - targets).square().mean()

    model = al.Regressor(al.Ensemble(al.MultiLayerPerceptron(1, [4], 1), 3), loss).build()
    assert model.outputs == "values"
    data = DataLoader(TensorDataset(X, 2 * X[:, 0]), batch_size=40)
    result = al.Trainer(enable_progress_bar=False).test(model, data, verbose=False)[0]
    with torch.no_grad():
        error = (model.eval()(X).mean(1) - 2 * X).square().mean().item()
    assert result == {"test_loss_epoch": pytest.approx(error, rel=1e-5)}
