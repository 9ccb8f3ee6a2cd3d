import numpy as np
import pytest
import torch
from torch import nn

from alkit.errors import FeaturesError
from alkit.features.weights import fingerprint


def test_a_fingerprint_tells_layers_weights_and_buffers_apart():
    def net(seed: int, *last: nn.Module) -> nn.Module:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), *last)

    trained = net(0)
    trained(torch.randn(4, 3))  # running statistics
    nets = [net(0), net(1), net(0, nn.ReLU()), net(0, nn.Tanh()), trained]
    assert len({fingerprint(each) for each in nets}) == 5
    assert fingerprint(net(0)) == fingerprint(net(0))


class Scaled(nn.Module):
    """A network with a buffer that no state has, and settings that it does not print."""

    def __init__(self):
        super().__init__()
        self.register_buffer("shift", torch.zeros(3), persistent=False)
        self.factors, self.bank = [torch.ones(3)], {"a": np.ones(2)}
        self.scale, self.kind, self.squared = 1.0, "mean", False
        self.calls, self.last = 0, None

    def forward(self, x):
        self.calls += 1
        return x


@pytest.mark.parametrize(
    "change",
    [
        lambda net: net.shift.add_(1),
        lambda net: net.factors[0].mul_(2),
        lambda net: net.bank.update(a=np.zeros(2)),
        lambda net: setattr(net, "scale", 2.0),
        lambda net: setattr(net, "kind", "sum"),
        lambda net: setattr(net, "squared", True),
    ],
)
def test_what_no_state_holds_is_part_of_a_fingerprint(change):
    net = Scaled()
    outer = nn.Sequential(nn.Linear(3, 3), net)
    first = fingerprint(outer)
    outer(torch.zeros(1, 3))
    assert fingerprint(outer.train()) == fingerprint(outer.eval()) == first
    change(net)
    assert fingerprint(outer) != first


@pytest.mark.filterwarnings("ignore")  # torch moves quantization to another package
def test_packed_weights_are_part_of_a_fingerprint():
    def packed(seed):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            network = nn.Sequential(nn.Linear(4, 3))
        return torch.ao.quantization.quantize_dynamic(network, {nn.Linear})

    assert fingerprint(packed(0)) == fingerprint(packed(0))
    assert fingerprint(packed(0)) != fingerprint(packed(1))
    sparse = nn.Module()
    sparse.table = torch.eye(3).to_sparse()
    first = fingerprint(sparse)
    sparse.table = 2 * sparse.table
    assert fingerprint(sparse) != first


@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")
def test_constants_of_a_scripted_network_are_part_of_a_fingerprint():
    def frozen(seed):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return torch.jit.freeze(torch.jit.script(nn.Linear(3, 3).eval()))

    nets = [frozen(0), frozen(1)]
    nets = [*nets, *map(nn.Sequential, nets)]
    assert len({fingerprint(each) for each in nets}) == 4
    assert fingerprint(nets[0]) == fingerprint(nets[0])


def test_a_lazy_layer_without_weights_is_an_error():
    with pytest.raises(FeaturesError, match="call it once on a batch"):
        fingerprint(nn.Sequential(nn.LazyLinear(3)))
