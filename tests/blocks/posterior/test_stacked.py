import pytest
import torch
from torch import nn

import alkit as al
from alkit.blocks.posterior.stacked import gives_samples, stacked
from alkit.errors import ModelOutputError

PLAIN = nn.Linear(3, 3)
SAMPLING = nn.Sequential(al.MCDropout(nn.Sequential(nn.Dropout(), PLAIN)))


def test_outputs_become_the_k_axis():
    a, b = torch.randn(4, 3), torch.randn(4, 3)
    assert torch.equal(stacked([a, b], PLAIN, "Mine")[:, 1], b)
    assert stacked([a[:, 0], b[:, 0]], PLAIN, "Mine").shape == (4, 2, 1)


def test_samples_of_samples_share_one_axis_where_the_network_declares_them():
    pair = torch.randn(4, 2, 3)
    assert gives_samples(SAMPLING)
    assert torch.equal(stacked([pair, -pair], SAMPLING, "Mine")[:, 3], -pair[:, 1])


def test_tokens_and_maps_are_never_taken_for_samples():
    assert not gives_samples(PLAIN)
    for shape in (4, 6, 3), (4, 3, 5, 5):
        pair = [torch.randn(shape), torch.randn(shape)]
        assert torch.equal(stacked(pair, PLAIN, "Mine")[:, 1], pair[1])
    maps = torch.randn(4, 2, 3, 5, 5)
    assert stacked([maps, maps], SAMPLING, "Mine").shape == (4, 4, 3, 5, 5)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (torch.tensor(1.0), r"Mine expects networks that return one tensor"),
        ((1, 2), "got tuple of int, int"),
        (None, "got NoneType"),
    ],
)
def test_an_output_that_cannot_be_stacked_raises(output, message):
    with pytest.raises(ModelOutputError, match=message):
        stacked([output, output], SAMPLING, "Mine")
