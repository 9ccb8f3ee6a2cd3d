import pytest
import torch
from torch import nn

import alkit as al


def test_a_network_is_a_chain_of_convolutions_and_relus():
    torch.manual_seed(0)
    layers = [nn.Conv2d(2, 3, 3, padding=1), nn.Conv2d(3, 4, 3, padding=1)]
    torch.manual_seed(0)
    net = al.ConvolutionalNeuralNetwork(2, [3], 4).build()
    x = torch.linspace(-1, 1, 2 * 2 * 36).reshape(2, 2, 6, 6)
    assert torch.equal(net(x), layers[1](torch.relu(layers[0](x))))


POOLS = [
    lambda: al.Layer(nn.MaxPool2d, kernel_size=2),
    lambda: nn.MaxPool2d(2),
    lambda: lambda: nn.MaxPool2d(2),
]


@pytest.mark.parametrize("pool", POOLS)
def test_a_pool_precedes_every_block_but_the_first(pool):
    net = al.ConvolutionalNeuralNetwork(1, [2, 3], 4, out_activation=nn.Tanh, pool=pool())
    built = net.create()
    assert built(torch.zeros(1, 1, 8, 8)).shape == (1, 4, 2, 2)
    assert [block.pool is None for block in built.blocks] == [True, False, False]
    assert next(iter(built.blocks[1]._modules)) == "pool"
    assert isinstance(built.output.activation, nn.Tanh)


def test_the_pools_of_the_blocks_are_edited_separately():
    template = al.Layer(nn.MaxPool2d, kernel_size=2).configure(padding=0)
    net = al.ConvolutionalNeuralNetwork(1, [2, 3], 4, pool=template)
    net.blocks[1].pool.configure(kernel_size=4)
    template.configure(padding=1)  # must not affect the copies in the blocks
    net.configure(out_channels=5)
    assert [layer.arguments()["kernel_size"] for layer in net.blocks[1:].pool] == [4, 2]
    assert template.arguments()["kernel_size"] == 2


@pytest.mark.parametrize(
    ("norm", "size"), [(nn.BatchNorm2d, "num_features"), (nn.GroupNorm, "num_channels")]
)
def test_a_normalization_receives_the_channels(norm, size):
    net = al.ConvolutionalNeuralNetwork(1, [2, 4], 6)
    more = {"num_groups": 2} if norm is nn.GroupNorm else {}
    net.normalization.configure(norm, **more)
    assert [getattr(n, size) for n in net.build().normalization] == [2, 4, 6]
    assert net(torch.zeros(2, 1, 4, 4)).shape == (2, 6, 4, 4)


def test_a_convolutional_block_takes_the_arguments_of_its_convolution():
    block = al.blocks.Conv2dBlock(
        1, 2, kernel_size=5, stride=2, padding=2, activation=nn.ReLU
    ).build()
    assert block(torch.zeros(1, 1, 8, 8)).shape == (1, 2, 4, 4)
