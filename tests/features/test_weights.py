import pytest
import torch
from torch import nn

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


@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")
def test_a_fingerprint_has_what_a_state_dict_leaves_out():
    class Net(nn.Module):
        def __init__(self, plain, buffer):
            super().__init__()
            self.inner = nn.Identity()
            self.inner.plain = torch.tensor([plain])
            self.register_buffer("buffer", torch.tensor([buffer]), persistent=False)

        def forward(self, x):
            return x

    nets = [Net(0.0, 0.0), Net(1.0, 0.0), Net(0.0, 1.0)]
    scripted = []
    for seed in range(2):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            scripted.append(torch.jit.freeze(torch.jit.script(nn.Linear(3, 3).eval())))
    nets += [*scripted, nn.Sequential(scripted[0]), nn.Sequential(scripted[1])]
    assert len({fingerprint(each) for each in nets}) == 7
    assert fingerprint(Net(0.0, 0.0)) == fingerprint(Net(0.0, 0.0))
    assert fingerprint(scripted[0]) == fingerprint(scripted[0])
