"""Network parts that are configured first and built later."""

from __future__ import annotations

from alkit.blocks.block import Block, DeeplayModule
from alkit.blocks.containers import LayerList, Sequential
from alkit.blocks.convolution import Conv2dBlock, ConvolutionalNeuralNetwork
from alkit.blocks.dense import Discriminator, LinearBlock, MultiLayerPerceptron
from alkit.blocks.layer import Layer
from alkit.blocks.merge import Add, Cat
from alkit.blocks.parts import Selection
from alkit.blocks.posterior import Ensemble, MCDropout

__all__ = [
    "Add",
    "Block",
    "Cat",
    "Conv2dBlock",
    "ConvolutionalNeuralNetwork",
    "DeeplayModule",
    "Discriminator",
    "Ensemble",
    "Layer",
    "LayerList",
    "LinearBlock",
    "MCDropout",
    "MultiLayerPerceptron",
    "Selection",
    "Sequential",
]
