"""The pretended GPU raises where a GPU would, and computes what the CPU computes."""

import numpy as np
import pytest
import torch
from pretended_gpu import GPU, OnGpu, on_gpu, pretended

WRONG = {
    "tensors of two devices": lambda x: x + torch.ones(3),
    "a number on the device with a tensor on the CPU": lambda x: torch.ones(3) * x[0, 0],
    "a product": lambda x: x @ torch.ones(3, 2),
    "a join": lambda x: torch.cat([x, torch.ones(1, 3)]),
    "positions on the device": lambda x: torch.arange(9)[x[:, 0].long()],
    "positions of a scatter": lambda x: x.scatter_(1, torch.zeros(4, 1).long(), 1),
    "numpy": lambda x: x.numpy(),
    "numpy, unasked": lambda x: np.asarray(x),
    "a generator of the CPU": lambda x: torch.rand(3, generator=torch.Generator(), device=GPU),
    "a draw of the CPU": lambda x: x.abs().multinomial(1, generator=torch.Generator()),
    "a network on the CPU": lambda x: torch.nn.Linear(3, 2)(x),
}
RIGHT = {
    "numbers of the CPU": lambda x: x + torch.tensor(2.0),
    "positions of the CPU": lambda x: x[torch.tensor([2, 0])],
    "positions in a list": lambda x: x[[2, 0]],
    "values of the CPU": lambda x: x.index_put((torch.tensor([1]),), torch.tensor(7.0)),
    "a change in place": lambda x: x[1:3].sub_(1) * x[1:3],
    "a mask": lambda x: x[x > 1].view(-1, 1) - x.new_ones(3),
    "a vector times a matrix": lambda x: x[:, 0] @ x,
    "eigenvectors": lambda x: torch.linalg.eigh(x.T @ x).eigenvalues,
    "a tensor of numbers": lambda x: x + torch.tensor([1.0, 2, 3], device=x.device),
    "to another": lambda x: torch.ones(3).to(x) + x,
}


@pytest.mark.parametrize("function", WRONG.values(), ids=WRONG)
def test_what_fails_on_a_gpu_fails(function):
    with pretended(), pytest.raises((RuntimeError, TypeError)):
        function(OnGpu(torch.rand(4, 3)))


@pytest.mark.parametrize("function", RIGHT.values(), ids=RIGHT)
def test_what_works_on_a_gpu_gives_the_values_of_the_cpu(function):
    x = torch.arange(12.0).view(4, 3).sin()
    expected = function(x.clone())
    with pretended():
        found = function(on_gpu(x))
        assert found.device == GPU
        assert torch.equal(found.cpu(), expected)


def test_reads_of_values_are_counted():
    with pretended() as gpu:
        x = OnGpu(torch.rand(4))
        _ = x + 1, x.argmax()
        assert not gpu.reads
        _ = float(x[0]), bool((x > 2).any()), x.tolist(), x.nonzero()
        assert sum(gpu.reads.values()) == 4
