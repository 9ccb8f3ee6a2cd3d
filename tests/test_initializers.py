import math

import pytest
import torch
from torch import nn

import alkit as al
from alkit.initializers import Constant, Initializer, Kaiming, Normal, Xavier


def mixed() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(8, 64, 3),
        nn.BatchNorm2d(64),
        nn.Flatten(),
        nn.Linear(200, 300),
        nn.LayerNorm(300),
        nn.ReLU(),
        nn.Linear(300, 200, bias=False),
        nn.ConvTranspose1d(30, 40, 5),
    )


@pytest.mark.parametrize("make", [Kaiming, Xavier, lambda: Normal(std=0.5)])
def test_only_matrices_and_filters_are_drawn(make):  # fault 47
    net, initializer = mixed(), make()
    applied = [initializer(part) for part in net]
    assert applied == [True, False, False, True, False, False, True, True]
    for norm in (net[1], net[4]):
        assert (norm.weight == 1).all()
        assert (norm.bias == 0).all()
    for layer in (net[0], net[3], net[7]):
        assert (layer.bias == 0).all()


@pytest.mark.parametrize(
    ("initializer", "std"),
    [
        (Kaiming(), math.sqrt(2 / 200)),
        (Kaiming(mode="fan_out"), math.sqrt(2 / 300)),
        (Kaiming(nonlinearity="linear"), math.sqrt(1 / 200)),
        (Xavier(), math.sqrt(2 / 500)),
        (Xavier(gain=3), 3 * math.sqrt(2 / 500)),
        (Normal(0, 0.02), 0.02),
    ],
)
def test_weights_have_the_standard_deviation_of_the_formula(initializer, std):
    torch.manual_seed(0)
    layer = nn.Linear(200, 300)
    initializer(layer)
    assert layer.weight.std().item() == pytest.approx(std, rel=0.02)
    assert abs(layer.weight.mean().item()) < std / 50


def test_a_normal_has_its_mean():
    torch.manual_seed(0)
    Normal(mean=2, std=0.1)(layer := nn.Linear(100, 100))
    assert layer.weight.mean().item() == pytest.approx(2, abs=0.01)


def test_a_constant_fills_weight_with_weight_and_bias_with_bias():  # fault 46
    net = mixed()
    for part in net:
        Constant(weight=1, bias=0)(part)
    for name, parameter in net.named_parameters():
        assert (parameter == (0 if name.endswith("bias") else 1)).all()
    Constant(weight=2, bias=3)(net[1])
    assert (net[1].weight == 2).all()
    assert (net[1].bias == 3).all()


def test_the_given_targets_are_used():
    net = al.Sequential(mixed()).build()
    net.initialize(Constant(weight=5, targets=nn.Linear))
    assert (net[0][3].weight == 5).all()
    assert (net[0][1].weight == 1).all()
    net.initialize(Normal(1, 0.0, targets=(nn.BatchNorm2d,)))
    assert not (net[0][0].weight == 1).any()


def test_a_function_and_a_custom_initializer_work_too():
    class Eye(Initializer):
        def fill_weight(self, weight):
            nn.init.eye_(weight)

    def halves(module):
        if isinstance(module, nn.Linear):
            nn.init.constant_(module.weight, 0.5)

    recipe = al.MultiLayerPerceptron(3, [], 3)
    assert torch.equal(recipe.new().initialize(Eye()).build().output.layer.weight, torch.eye(3))
    assert (recipe.initialize(halves).build().output.layer.weight == 0.5).all()


def test_an_initializer_prints_its_settings():
    assert repr(Kaiming()) == "Kaiming(mode='fan_in', nonlinearity='relu')"
    assert repr(Constant(2)) == "Constant(weight=2, bias=0.0)"
