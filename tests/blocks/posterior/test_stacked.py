import pytest
import torch

from alkit.blocks.posterior.stacked import stacked
from alkit.errors import ModelOutputError


def test_outputs_become_the_k_axis():
    a, b = torch.randn(4, 3), torch.randn(4, 3)
    assert torch.equal(stacked([a, b], "Mine")[:, 1], b)
    assert stacked([a[:, 0], b[:, 0]], "Mine").shape == (4, 2, 1)
    assert torch.equal(stacked([stacked([a, b], "Mine")] * 2, "Mine")[:, 3], b)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (torch.tensor(1.0), r"Mine expects networks that return one tensor"),
        (torch.ones(2, 3, 4, 5), r"Mine expects .* got \(2, 3, 4, 5\)"),
        ((1, 2), "got tuple of int, int"),
        (None, "got NoneType"),
    ],
)
def test_an_output_that_cannot_be_stacked_raises(output, message):
    with pytest.raises(ModelOutputError, match=message):
        stacked([output, output], "Mine")
