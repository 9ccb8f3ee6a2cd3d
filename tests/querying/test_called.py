import torch
from torch import nn

from alkit.querying.called import Calls, inside


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
        self.unused = nn.Linear(2, 2)
        self.twice = nn.Tanh()
        self.head = nn.Linear(2, 3)
        self.backbone.requires_grad_(False)

    def forward(self, x):
        return self.head(self.twice(self.twice(self.backbone(x))))


def calls():
    net = Net()
    return net, Calls(net, lambda: net(torch.zeros(1, 2)))


def test_a_path_is_inside_those_that_begin_it():
    assert inside("a.b", "a")
    assert inside("a", "")
    assert not inside("a", "a")
    assert not inside("ab", "a")


def test_parts_are_called_once_twice_or_never():
    _, found = calls()
    assert [found.once(name) for name in ("backbone", "twice", "unused")] == [True, False, False]


def test_parts_that_have_ended_are_in_order_and_without_the_parts_inside_them():
    _, found = calls()
    assert found.before(found.start("head")) == ["backbone", "twice"]
    assert found.before(found.end("backbone.0")) == ["backbone.0"]


def test_a_part_that_is_not_called_starts_after_all_others():
    _, found = calls()
    assert found.start("unused") > found.end("")


def test_the_parts_around_a_part_are_the_innermost_first():
    _, found = calls()
    assert found.around("backbone.0") == ["backbone", ""]


def test_trained_parts_are_those_with_parameters_that_have_a_gradient_and_are_called():
    net, found = calls()
    assert found.trained() == ["head"]
    net.backbone.requires_grad_(True)
    assert found.trained() == ["backbone.0", "head"]


def test_no_hook_remains():
    net, _ = calls()
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in net.modules())
