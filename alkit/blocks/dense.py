"""Dense networks: linear blocks, multi-layer perceptrons, discriminators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from alkit.arguments import check_integer, check_integers
from alkit.blocks.block import Block
from alkit.blocks.containers import LayerList, Sequential
from alkit.blocks.layer import Layer, LayerLike, as_layer, slot


def fill(block: Sequential, layer: Layer, activation: LayerLike, **channels: int) -> None:
    """Fill a block with a layer and its companions: pool, layer, activation, normalization.

    Empty slots are absent from the built block. `normalization` receives the number of channels.
    """
    block.pool = slot()
    block.layer = layer
    block.activation = as_layer(activation)
    block.normalization = slot(**channels)


def class_name(block: Sequential, module: nn.Module) -> str:
    """Name of a part that is appended: its class in lower case."""
    made = module.classtype if isinstance(module, Layer) else type(module)
    return getattr(made, "__name__", str(len(block._modules))).lower()


class LinearBlock(Sequential):
    """`nn.Linear` with slots for pool, activation and normalization: (N, in) to (N, out).

    Args:
        in_features, out_features: sizes of the linear layer.
        activation: class, layer or module; None for no activation.

    Raises:
        ConfigurationError: a size is not an integer of at least 1.
    """

    def __init__(self, in_features: int, out_features: int, activation: LayerLike = None) -> None:
        super().__init__()
        in_features = check_integer("in_features", in_features)
        out_features = check_integer("out_features", out_features)
        fill(
            self,
            Layer(nn.Linear, in_features, out_features),
            activation,
            num_features=out_features,
            normalized_shape=out_features,
            num_channels=out_features,
        )

    def _default_name(self, module: nn.Module) -> str:
        return class_name(self, module)


class Stack(Block):
    """Base class of networks that chain blocks, `blocks`, which all have the same slots.

    `input`, `hidden` and `output` are the first block, all but the last, and the last; `layer`,
    `activation`, `normalization` and `pool` select that slot of every block.
    """

    blocks: LayerList

    @property
    def input(self) -> Any:
        """The first block."""
        return self.blocks[0]

    @property
    def hidden(self) -> Any:
        """All blocks but the last."""
        return self.blocks[:-1]

    @property
    def output(self) -> Any:
        """The last block."""
        return self.blocks[-1]

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name in ("pool", "layer", "activation", "normalization"):
                return getattr(self.blocks, name)
            raise

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in self.blocks:
            x = block(x)
        return x


class MultiLayerPerceptron(Stack):
    """Linear layers with ReLUs between them: (N, ...) to (N, out_features).

    Args:
        in_features: number of features of a sample.
        hidden_features: widths of the hidden layers, from first to last; may be empty.
        out_features: number of output features.
        out_activation: class, layer or module after the last layer; none by default (logits).
        flatten_input: if True, flatten samples with more than one axis first.

    Raises:
        ConfigurationError: a size is not an integer of at least 1.
    """

    def __init__(
        self,
        in_features: int,
        hidden_features: Sequence[int],
        out_features: int,
        out_activation: LayerLike = None,
        flatten_input: bool = True,
    ) -> None:
        super().__init__()
        check_integer("in_features", in_features)
        check_integer("out_features", out_features)
        self.flatten_input = flatten_input
        self.blocks = LayerList()
        for width in check_integers("hidden_features", hidden_features, [64, 32]):
            self.blocks.append(LinearBlock(in_features, width, nn.ReLU))
            in_features = width
        out_activation = nn.Identity if out_activation is None else out_activation
        self.blocks.append(LinearBlock(in_features, out_features, out_activation))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.flatten(1) if self.flatten_input and x.ndim > 2 else x)


class Discriminator(MultiLayerPerceptron):
    """Binary classifier of features: (N, in_features) to one raw logit (N, 1).

    A perceptron with LeakyReLUs of slope 0.2 and no final sigmoid.

    Args:
        in_features: number of features of a sample.
        hidden_features: widths of the hidden layers.
    """

    def __init__(self, in_features: int, hidden_features: Sequence[int] = (64,)) -> None:
        super().__init__(in_features, hidden_features, 1)
        for block in self.hidden:
            block.activation.configure(nn.LeakyReLU, negative_slope=0.2)
