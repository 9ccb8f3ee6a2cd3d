import itertools

import pytest
import torch
from torch import nn

import alkit as al


@pytest.mark.parametrize("hidden", [[], [5], (5, 6, 7)])
def test_a_perceptron_is_a_chain_of_linear_layers_and_relus(hidden):
    torch.manual_seed(0)
    sizes = [4, *hidden, 3]
    layers = [nn.Linear(a, b) for a, b in itertools.pairwise(sizes)]
    torch.manual_seed(0)
    net = al.MultiLayerPerceptron(4, hidden, 3).build()
    x = torch.linspace(-2, 2, 24).reshape(6, 4)
    expected = x
    for layer in layers[:-1]:
        expected = torch.relu(layer(expected))
    assert torch.equal(net(x), layers[-1](expected))
    assert net.output is net.blocks[-1]
    assert net.input is net.blocks[0]
    assert list(net.hidden) == list(net.blocks)[:-1]


def test_samples_with_several_axes_are_flattened_by_default():
    x = torch.ones(2, 3, 4)
    assert al.MultiLayerPerceptron(12, [], 2).build()(x).shape == (2, 2)
    assert al.MultiLayerPerceptron(4, [], 2, flatten_input=False).build()(x).shape == (2, 3, 2)


@pytest.mark.parametrize("given", [nn.Sigmoid, al.Layer(nn.Sigmoid), nn.Sigmoid()])
def test_an_output_activation_can_be_a_class_a_layer_or_a_module(given):
    net = al.MultiLayerPerceptron(2, [3], 1, out_activation=given)
    for built in (net.create(), net.new().configure(in_features=2).build()):
        assert isinstance(built.output.activation, nn.Sigmoid)
        assert isinstance(built.input.activation, nn.ReLU)


def test_a_discriminator_returns_one_raw_logit():
    net = al.Discriminator(4, hidden_features=[64, 32]).build()
    out = net(torch.linspace(-9, 9, 40).reshape(10, 4))
    assert out.shape == (10, 1)
    kinds = [type(block.activation) for block in net.blocks]
    assert kinds == [nn.LeakyReLU, nn.LeakyReLU, nn.Identity]
    assert net.blocks[0].activation.negative_slope == 0.2
    assert al.Discriminator(4).build().blocks[0].layer.out_features == 64


def test_the_slots_of_a_linear_block_are_called_in_order():
    block = al.blocks.LinearBlock(2, 3, nn.ReLU)
    block.normalization.configure(nn.BatchNorm1d)
    block.append(al.Layer(nn.Dropout))
    block.pool.configure(nn.Identity)
    assert list(block.build()._modules) == [
        "pool",
        "layer",
        "activation",
        "normalization",
        "dropout",
    ]
    norm = al.blocks.LinearBlock(2, 3)
    norm.normalization.configure(nn.LayerNorm)
    assert norm.build().normalization.normalized_shape == (3,)
