import pytest
import torch
from torch import nn

from alkit.eval_mode import evaluating


def test_every_part_is_in_eval_mode_temporarily_and_then_restored():
    module = nn.Sequential(nn.Dropout(), nn.Sequential(nn.BatchNorm1d(2)))
    module[1].eval()
    before = [part.training for part in module.modules()]
    with evaluating(module):
        assert not any(part.training for part in module.modules())
    assert [part.training for part in module.modules()] == before == [True, True, False, False]


def test_an_error_inside_restores_the_modes():
    module = nn.Linear(1, 1)
    with pytest.raises(RuntimeError, match="inside"), evaluating(module):
        raise RuntimeError("inside")
    assert module.training


def test_a_module_is_moved_there_and_back():
    class Traveler(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight, self.places = nn.Parameter(torch.zeros(1)), []

        def to(self, device):
            self.places.append(torch.device(device).type)
            return self

    module = Traveler()
    with evaluating(module, torch.device("meta")):
        assert module.places == ["meta"]
    assert module.places == ["meta", "cpu"]
    with evaluating(module, torch.device("cpu")):
        pass
    assert module.places == ["meta", "cpu"]


def test_gradients_are_unaffected():
    with evaluating(nn.Identity()):
        assert torch.is_grad_enabled()


@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")
def test_scripted_and_exported_networks_have_modes_too():
    net = nn.Sequential(nn.Linear(2, 3), nn.Dropout())
    scripted = torch.jit.script(net)
    x = torch.randn(5, 2)
    with evaluating(scripted):
        torch.testing.assert_close(scripted(x), net[0](x))
    assert all(part.training for part in scripted.modules())
    with evaluating(torch.jit.freeze(torch.jit.script(net).eval())):  # has no mode
        pass
    exported = torch.export.export(net.eval(), (x,)).module()
    both = nn.Sequential(nn.Dropout(), exported)
    with evaluating(both):
        torch.testing.assert_close(both(x), net[0](x))
    assert both.training
    assert both[0].training
