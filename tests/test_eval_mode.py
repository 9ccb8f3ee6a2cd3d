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
