"""Regressions whose loss is the user's own: their test loss and metrics, by plain computation."""

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import TensorDataset
from torchmetrics import MeanSquaredError

import alkit as al

X = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
Y = X.sum(1)


def normal(returned):
    return al.Prediction.regression(returned[..., :1], returned[..., 1:].exp())


def normals(returned):
    return al.Prediction.regression(returned[..., :1], returned[..., 1:].exp(), samples=True)


def surprise(returned, y):
    return functional.gaussian_nll_loss(returned[..., 0], y, returned[..., 1].exp())


def parts(returned, y):
    return {"fit": (returned[..., 0] - y).square().mean(), "size": returned[..., 1].exp().mean()}


def squares(returned, y):
    return (returned[:, 0] - y).square().mean()


def outcome(network, loss, outputs):
    pool = al.ActiveLearningDataset(TensorDataset(X, Y))
    pool.annotate_random(20, seed=0)
    metrics = {"train_metrics": MeanSquaredError(), "test_metrics": MeanSquaredError()}
    strategy = al.Strategy(
        network, pool, al.criteria.Variance(), loss=loss, outputs=outputs, seed=0,
        test=TensorDataset(X, Y), test_batch_size=50, **metrics,
    ).build()  # fmt: skip
    strategy.fit(max_steps=3, enable_progress_bar=False)
    found = strategy.test(enable_progress_bar=False)
    with torch.no_grad():
        return found, strategy.module.eval()(X)


def network(columns):
    return al.Sequential(
        al.MultiLayerPerceptron(3, [8], 8),
        al.Layer(nn.Dropout, 0.3),
        al.Layer(nn.Linear, 8, columns),
    )


SAMPLED = [al.Ensemble(network(1), 3), al.MCDropout(network(1), 4)]


@pytest.mark.parametrize("sampled", SAMPLED)
def test_values_of_posterior_samples_are_averaged_whatever_the_loss(sampled):
    found, returned = outcome(sampled.new(), squares, "values")
    error = (returned[..., 0].mean(1) - Y).square().mean()
    assert found["test_loss_epoch"] == pytest.approx(error.item(), rel=1e-5)
    assert found["testMeanSquaredError"] == pytest.approx(error.item(), rel=1e-5)


@pytest.mark.parametrize("loss", [surprise, parts])
def test_a_mean_and_a_variance_are_judged_by_their_loss_and_the_mean(loss):
    found, returned = outcome(network(2), loss, normal)
    value = loss(returned, Y)
    value = sum(value.values()) if isinstance(value, dict) else value
    assert found["test_loss_epoch"] == pytest.approx(value.item(), rel=1e-5)
    error = (returned[:, 0] - Y).square().mean()
    assert found["testMeanSquaredError"] == pytest.approx(error.item(), rel=1e-5)


@pytest.mark.parametrize(
    "block", [lambda net: al.Ensemble(net, 3), lambda net: al.MCDropout(net, 4)]
)
@pytest.mark.parametrize("loss", [surprise, parts])
def test_those_of_posterior_samples_by_the_mean_loss_and_the_mean_of_the_means(block, loss):
    found, returned = outcome(block(network(2)), loss, normals)
    values = [loss(each, Y) for each in returned.unbind(1)]
    values = [sum(each.values()) if isinstance(each, dict) else each for each in values]
    assert found["test_loss_epoch"] == pytest.approx(torch.stack(values).mean().item(), rel=1e-5)
    error = (returned[..., 0].mean(1) - Y).square().mean()
    assert found["testMeanSquaredError"] == pytest.approx(error.item(), rel=1e-5)


class Normal(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean, self.log = nn.Linear(3, 1), nn.Linear(3, 1)

    def forward(self, x):
        return self.mean(x)[:, 0], self.log(x)[:, 0].exp()


def test_a_network_may_return_mean_and_variance_apart():
    found, (mean, _) = outcome(
        Normal(),
        lambda returned, y: functional.gaussian_nll_loss(returned[0], y, returned[1]),
        lambda returned: al.Prediction.regression(*returned),
    )
    error = (mean - Y).square().mean()
    assert found["testMeanSquaredError"] == pytest.approx(error.item(), rel=1e-5)
