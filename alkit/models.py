"""Ready-made backbones: networks that turn images into features."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

from alkit.blocks import Block, Layer

__all__ = ["BackboneResnet18"]


class BackboneResnet18(Block):
    """ResNet-18 without its classifier: (N, in_channels, H, W) to (N, 512).

    This is torchvision's network with a stem for small images (about 28 to 96 pixels): a 3x3
    convolution with stride 1 and no max-pooling, as He et al. use on CIFAR. The feature map is 8
    times smaller than the image. For larger images use torchvision's own network, which works as
    a backbone directly or as a recipe: `al.Layer(torchvision.models.resnet18, num_classes=512)`.
    Parts have torchvision's names, so its weights load with `strict=False`, except for the stem.

    He et al., "Deep residual learning for image recognition", 2016 (arXiv:1512.03385).

    Args:
        in_channels: number of channels of the images.
        pool_output: if True, average the features over the map; if False, they have the shape
            (N, 512, H / 8, W / 8).
    """

    def __init__(self, in_channels: int = 3, pool_output: bool = True) -> None:
        super().__init__()
        self.resnet = Layer(_resnet18, in_channels=in_channels, pool_output=pool_output)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.resnet(x)


def _resnet18(in_channels: int, pool_output: bool) -> nn.Sequential:
    from torchvision.models import resnet18

    whole = resnet18(weights=None)
    stem = nn.Conv2d(in_channels, 64, kernel_size=3, stride=1, padding=1, bias=False)
    nn.init.kaiming_normal_(stem.weight, mode="fan_out", nonlinearity="relu")
    parts = OrderedDict[str, nn.Module](conv1=stem)
    for name in ("bn1", "relu", "layer1", "layer2", "layer3", "layer4"):
        parts[name] = whole.get_submodule(name)
    if pool_output:
        parts["avgpool"] = whole.avgpool
        parts["flatten"] = nn.Flatten()
    return nn.Sequential(parts)
