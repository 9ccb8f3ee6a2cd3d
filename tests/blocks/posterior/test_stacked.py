import pytest
import torch

from alkit.blocks.posterior.stacked import stacked
from alkit.errors import ModelOutputError


def test_outputs_become_the_k_axis():
    a, b = torch.randn(4, 3), torch.randn(4, 3)
    assert torch.equal(stacked([a, b], "Mine")[:, 1], b)
    assert stacked([a[:, 0], b[:, 0]], "Mine").shape == (4, 2, 1)
    assert torch.equal(stacked([stacked([a, b], "Mine")] * 2, "Mine")[:, 3], b)


@pytest.mark.parametrize("output", [torch.tensor(1.0), torch.ones(2, 3, 4, 5), (1, 2), None])
def test_an_output_that_cannot_be_stacked_raises(output):
    with pytest.raises(ModelOutputError, match=r"Mine expects networks that return one tensor"):
        stacked([output, output], "Mine")
