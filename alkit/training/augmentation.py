"""Random augmentation of a batch of inputs, different for each sample, from a given generator."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from alkit.errors import ConfigurationError, ShapeError

Augmentation = Callable[..., Tensor]


class Distortion:
    """Small random rotation, scaling, shear and shift of images ``(B, C, H, W)``.

    Each image gets its own affine map, uniform within the limits below, and optionally a hole: a
    square around a random point, filled with the mean of the image (DeVries and Taylor 2017,
    "Improved regularization of convolutional neural networks with Cutout"). Areas beyond the
    border repeat the border. Images are not mirrored, since that changes digits and letters.

    Cost: one bilinear resampling of the batch, on the device of the images.

    Args:
        rotate: largest rotation in degrees, in either direction.
        scale: largest factor for either axis; its inverse is the smallest.
        shear: largest shear of the second axis along the first, in either direction.
        shift: largest shift in either direction, as a share of the side.
        hole: side of the hole, as a share of the shorter side; 0 for no hole.

    Raises:
        ConfigurationError: a negative number, or a ``scale`` below 1.
    """

    def __init__(
        self,
        rotate: float = 0.0,
        scale: float = 1.0,
        shear: float = 0.0,
        shift: float = 0.0,
        hole: float = 0.0,
    ) -> None:
        self.limits = {"rotate": rotate, "scale": scale, "shear": shear, "shift": shift}
        self.hole = hole
        wrong = [f"{k}={v!r}" for k, v in {**self.limits, "hole": hole}.items() if not v >= 0]
        if wrong or not scale >= 1:
            raise ConfigurationError(
                "the limits of a Distortion must be at least 0, and its scale a factor of at least "
                f"1, got {', '.join(wrong) or f'scale={scale!r}'}."
            )

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        if x.ndim != 4 or not x.is_floating_point():
            raise ShapeError(
                "a Distortion takes floating-point images (B, C, H, W), got "
                f"{tuple(x.shape)} of {x.dtype}. For other inputs, pass your own functions as "
                "weak= and strong=."
            )
        draw = torch.rand(8, len(x), generator=generator)
        x = F.grid_sample(
            x,
            F.affine_grid(
                self._maps(2 * draw[:6] - 1, x).to(x), list(x.shape), align_corners=False
            ),
            padding_mode="border",
            align_corners=False,
        )
        return self._with_holes(x, draw[6:].to(x.device)) if self.hole else x

    def _maps(self, draw: Tensor, x: Tensor) -> Tensor:
        """Affine maps ``(B, 2, 3)``, in the coordinates from -1 to 1 of ``affine_grid``."""
        limit = self.limits
        angle = draw[0] * math.radians(limit["rotate"])
        across, along = torch.exp(draw[1:3] * math.log(limit["scale"]))
        shear, shift = draw[3] * limit["shear"], 2 * limit["shift"] * draw[4:6]
        cos, sin = angle.cos(), angle.sin()
        ratio = x.shape[2] / x.shape[3]  # else a rotation would skew an oblong image
        rows = (
            (across * cos, (across * shear * cos - along * sin) * ratio, shift[0]),
            (across * sin / ratio, across * shear * sin + along * cos, shift[1]),
        )
        return torch.stack([torch.stack(row, 1) for row in rows], 1)

    def _with_holes(self, x: Tensor, centers: Tensor) -> Tensor:
        height, width = x.shape[2:]
        half = self.hole * min(height, width) / 2
        centers = centers[:, :, None]  # (2, B, 1)
        rows = (torch.arange(height, device=x.device) + 0.5 - centers[0] * height).abs() < half
        columns = (torch.arange(width, device=x.device) + 0.5 - centers[1] * width).abs() < half
        inside = (rows[:, :, None] & columns[:, None, :])[:, None]  # (B, 1, H, W)
        return torch.where(inside, x.mean((2, 3), keepdim=True), x)

    def __repr__(self) -> str:
        limits = {**self.limits, "hole": self.hole}
        return f"Distortion({', '.join(f'{name}={value}' for name, value in limits.items())})"


WEAK = Distortion(rotate=8, scale=1.05, shear=0.05, shift=0.07)
STRONG = Distortion(rotate=25, scale=1.25, shear=0.3, shift=0.12, hole=0.4)


class Augmenter:
    """Augmentation that draws from a given generator and keeps the shape.

    Args:
        name: name of the argument, for errors.
        function: function from a batch of inputs to one of the same shape. If it has an argument
            ``generator``, it draws from that. Any other function (such as torchvision's
            transforms) runs on a copy of torch's random state, seeded from the generator.
    """

    def __init__(self, name: str, function: Augmentation) -> None:
        if not callable(function) or isinstance(function, type):
            raise ConfigurationError(
                f"{name} must be a function of a batch of inputs, got {function!r}."
            )
        self.name = name
        self.function = function
        self._draws = _takes_generator(function)

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        with torch.no_grad(), torch.autocast(x.device.type, enabled=False):
            out = self._apply(x, generator)
        if not isinstance(out, Tensor) or out.shape != x.shape:
            came = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
            raise ShapeError(
                f"{self.name} returned {came} for a batch of shape {tuple(x.shape)}: an "
                "augmentation must return a tensor of the same shape. Crop and resize in one "
                "step, or do it in the pool's transform."
            )
        return out

    def _apply(self, x: Tensor, generator: torch.Generator) -> object:
        if self._draws:
            return self.function(x, generator=generator)
        seed = int(torch.randint(2**62, (1,), generator=generator))
        with torch.random.fork_rng(devices=[] if x.device.type == "cpu" else [x.device]):
            torch.manual_seed(seed)
            return self.function(x)


def _takes_generator(function: Callable[..., Any]) -> bool:
    try:
        return "generator" in inspect.signature(function).parameters
    except (TypeError, ValueError):  # some functions written in C
        return False
