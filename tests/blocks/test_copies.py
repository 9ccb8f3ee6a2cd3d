import copy

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from alkit.blocks.copies import keep_shared


def test_data_is_shared_generators_are_cloned_and_the_rest_is_copied():
    data, generator = TensorDataset(torch.arange(3)), torch.Generator().manual_seed(5)
    part = nn.Linear(2, 2)
    part.held = {"data": [data], "loader": (DataLoader(data),), "random": generator}
    value = {"part": part}
    memo = {}
    keep_shared(value, memo)
    copied = copy.deepcopy(value, memo)["part"]
    assert copied is not part
    assert copied.weight is not part.weight
    assert copied.held["data"][0] is data
    assert copied.held["loader"][0] is part.held["loader"][0]
    assert copied.held["random"] is not generator
    drawn = torch.rand(1, generator=generator)
    assert torch.equal(torch.rand(1, generator=copied.held["random"]), drawn)


def test_an_object_that_contains_itself_is_walked_once():
    circle = []
    circle.append(circle)
    keep_shared(circle, {})
