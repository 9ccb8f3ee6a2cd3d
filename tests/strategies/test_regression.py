"""The papers on regression, on a regression; the laws are checked with the other papers."""

import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

import alkit as al
from alkit.errors import ConfigurationError
from alkit.selectors import LCMD, GreedySampling


def net(outputs=1):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, outputs))


def pool_of(y):
    x = torch.randn(40, 4, generator=torch.Generator().manual_seed(1))
    pool = al.ActiveLearningDataset(TensorDataset(x, y(x)))
    pool.annotate_random(6, seed=0)
    return x, pool


def on_arrays(strategy, x, pool, selector, labels):
    """The same query, from the outputs and features of the model."""
    model = strategy.module.model.eval()
    with torch.no_grad():
        prediction = al.Prediction(model(x), kind="values", features=model[:2](x))
    return al.select(
        5, prediction=prediction, annotated=pool.annotated_indices, labels=labels,
        selector=selector, seed=0,
    )  # fmt: skip


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("rule", ["iGS", "GSx", "GSy"])
def test_greedy_sampling_compares_values_of_the_model_with_labels(rule, outputs):
    x, pool = pool_of(lambda x: 10 * x[:, :outputs])
    regressor = al.training.Regressor(net(outputs), nn.MSELoss())
    strategy = al.papers.greedy_sampling(regressor, pool, rule=rule, seed=0).build()
    strategy.fit(max_steps=3, enable_progress_bar=False)
    labels = 10 * x[pool.annotated_indices, :outputs]
    expected = on_arrays(strategy, x, pool, GreedySampling(rule), labels)
    assert strategy.query(5).indices.tolist() == expected.indices.tolist()


def test_lcmd_compares_features_of_the_last_hidden_layer():
    x, pool = pool_of(lambda x: x.sum(1, keepdim=True))
    strategy = al.papers.lcmd(al.training.Regressor(net()), pool, seed=0).build()
    expected = on_arrays(strategy, x, pool, LCMD(), None)
    query = strategy.query(5)
    assert query.indices.tolist() == expected.indices.tolist()
    assert query.why.startswith("LCMD()")


def test_labels_of_one_target_may_be_plain_numbers():
    _, pool = pool_of(lambda x: x.sum(1))
    strategy = al.papers.greedy_sampling(al.training.Regressor(net()), pool, seed=0).build()
    assert len(strategy.query(5)) == 5


def test_class_numbers_are_needed_by_selectors_of_classes():
    _, pool = pool_of(lambda x: x.sum(1, keepdim=True))
    avoid = al.selectors.FacilityLocation(avoided=[0])
    strategy = al.Strategy(al.training.Regressor(net()), pool, selector=avoid, seed=0).build()
    with pytest.raises(ConfigurationError, match="not integers"):
        strategy.query(2)
