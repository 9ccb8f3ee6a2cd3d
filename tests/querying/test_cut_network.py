import numpy as np
import pytest
import torch
from torch import nn

import alkit as al
from alkit.errors import ConfigurationError, FeaturesError
from alkit.querying.cut_network import CutNetwork, flat

CPU = torch.device("cpu")


def network(frozen=True):
    torch.manual_seed(0)
    backbone = nn.Sequential(nn.Linear(4, 6), nn.ReLU())
    backbone.requires_grad_(not frozen)
    x, y = torch.randn(20, 4), torch.arange(20) % 3
    pool = al.ActiveLearningDataset(torch.utils.data.TensorDataset(x, y))
    strategy = al.Strategy(nn.Sequential(backbone, nn.Linear(6, 3)), pool, seed=0).build()
    sampled = strategy.posterior.module(strategy)
    return backbone, x, CutNetwork(strategy, CPU, sampled, np.array([7, 2, 7]))


def test_the_features_at_the_cut_are_those_of_the_frozen_part_of_distinct_samples():
    backbone, x, net = network()
    cut, features = net.cut()
    assert cut.saves
    assert torch.equal(features, backbone(x[[2, 7]]))
    net.compare(features, features, cut)


def test_other_features_than_those_that_are_kept_are_an_error():
    _, _, net = network()
    cut, features = net.cut()
    net.compare(features * (1 + 1e-5), features, cut)
    with pytest.raises(FeaturesError, match="of samples 2, 7 are not those that cache_features="):
        net.compare(features * 1.01, features, cut)


def test_a_network_that_is_trained_from_its_first_layer_has_no_cut():
    _, _, net = network(frozen=False)
    with pytest.raises(ConfigurationError, match="no part of the network before its first trained"):
        net.cut()


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (torch.float16, np.float32),
        (torch.bfloat16, np.float32),
        (torch.float32, np.float32),
        (torch.float64, np.float64),
    ],
)
def test_rows_are_kept_flat_in_float64_or_float32(given, kept):
    rows = flat(torch.arange(12).view(2, 2, 3).to(given).requires_grad_())
    assert rows.dtype == kept
    assert rows.tolist() == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]
