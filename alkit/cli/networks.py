"""Networks of ``alkit compare``, sized by the images."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from alkit.blocks import Block, ConvolutionalNeuralNetwork, Layer, MultiLayerPerceptron, Sequential


def classifier_parts(shape: Sequence[int], classes: int) -> tuple[Block, Block, int]:
    """Unbuilt backbone and head for images ``(C, H, W)``, and the width between them.

    Up to 8 x 8 pixels a perceptron with one hidden layer; beyond that four convolutions with
    pooling and a global average, as small courses use them.
    """
    channels, height, width = shape
    if height * width <= 64:
        latent = 64
        perceptron = MultiLayerPerceptron(
            channels * height * width, [64], latent, out_activation=nn.ReLU
        )
        backbone = Sequential(Layer(nn.Flatten), perceptron)
    else:
        latent = 128
        backbone = ConvolutionalNeuralNetwork(
            channels, [32, 64, 64], latent, out_activation=nn.ReLU
        )
        backbone.blocks[1:].pool.configure(nn.MaxPool2d, kernel_size=2)
        backbone.blocks[-1].append(Layer(nn.AdaptiveAvgPool2d, output_size=1))
        backbone.blocks[-1].append(Layer(nn.Flatten))
    return backbone, MultiLayerPerceptron(latent, [], classes), latent


def linear_classifier(shape: Sequence[int], classes: int) -> Block:
    """Unbuilt linear classifier of images ``(C, H, W)``: softmax regression on the pixels."""
    channels, height, width = shape
    pixels = channels * height * width
    return Sequential(Layer(nn.Flatten), MultiLayerPerceptron(pixels, [], classes))
