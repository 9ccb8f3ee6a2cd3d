"""Convolutional networks."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from alkit.arguments import check_integer, check_integers
from alkit.blocks.containers import LayerList, Sequential
from alkit.blocks.dense import Stack, class_name, fill
from alkit.blocks.layer import Layer, LayerLike, as_layer, copied


class Conv2dBlock(Sequential):
    """`nn.Conv2d` with slots for pool, activation and normalization.

    (N, in_channels, H, W) to (N, out_channels, H', W').

    Args:
        in_channels, out_channels, kernel_size, stride, padding: arguments of the convolution.
        activation: class, layer or module; None for no activation.

    Raises:
        ConfigurationError: a number of channels is not an integer of at least 1.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 3,
        stride: int = 1,
        padding: int = 0,
        activation: LayerLike = None,
    ) -> None:
        in_channels = check_integer("in_channels", in_channels)
        out_channels = check_integer("out_channels", out_channels)
        convolution = Layer(
            nn.Conv2d, in_channels, out_channels, kernel_size, stride=stride, padding=padding
        )
        super().__init__()
        fill(self, convolution, activation, num_features=out_channels, num_channels=out_channels)

    def _default_name(self, module: nn.Module) -> str:
        return class_name(self, module)


class ConvolutionalNeuralNetwork(Stack):
    """3x3 convolutions with ReLUs between them: (N, in_channels, H, W) to (N, out_channels, H, W).

    `blocks[1:].pool.configure(nn.MaxPool2d, kernel_size=2)` pools before every block except the
    first.

    Args:
        in_channels: number of channels of the images.
        hidden_channels: channels of the hidden blocks, from first to last; may be empty.
        out_channels: number of output channels.
        out_activation: class, layer or module after the last convolution; none by default.
        pool: class, layer or module before every block except the first; none by default.

    Raises:
        ConfigurationError: a number of channels is not an integer of at least 1.
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: Sequence[int],
        out_channels: int,
        out_activation: LayerLike = None,
        pool: LayerLike = None,
    ) -> None:
        super().__init__()
        check_integer("in_channels", in_channels)
        check_integer("out_channels", out_channels)
        self.blocks = LayerList()
        for channels in check_integers("hidden_channels", hidden_channels, [32, 64]):
            self.blocks.append(Conv2dBlock(in_channels, channels, padding=1, activation=nn.ReLU))
            in_channels = channels
        out_activation = nn.Identity if out_activation is None else out_activation
        self.blocks.append(
            Conv2dBlock(in_channels, out_channels, padding=1, activation=out_activation)
        )
        if pool is not None:
            for block in self.blocks[1:]:
                block.replace("pool", copied(pool) if isinstance(pool, Layer) else as_layer(pool))
