import pytest
import torch

import alkit as al


@pytest.mark.parametrize("as_list", [False, True])
@pytest.mark.parametrize("count", [1, 2, 4])
def test_inputs_are_added_and_joined(count, as_list):
    inputs = [torch.full((2, 3), float(k)) for k in range(count)]
    given = [inputs] if as_list else inputs
    assert torch.equal(al.blocks.Add().build()(*given), torch.stack(inputs).sum(0))
    assert torch.equal(al.blocks.Cat().build()(*given), torch.cat(inputs, dim=1))
    assert torch.equal(al.blocks.Cat(dim=0).build()(*given), torch.cat(inputs, dim=0))
    assert torch.equal(inputs[0], torch.zeros(2, 3))
