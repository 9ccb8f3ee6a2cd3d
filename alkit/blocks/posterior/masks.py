"""Dropout masks of the k-th posterior sample: drawn from a seed and shared by all rows."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from alkit.errors import ConfigurationError
from alkit.seeds import generator

DROPOUTS = (
    nn.Dropout,
    nn.Dropout1d,
    nn.Dropout2d,
    nn.Dropout3d,
    nn.AlphaDropout,
    nn.FeatureAlphaDropout,
)
_OF_CHANNELS = (nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.FeatureAlphaDropout)
_ALPHA = (nn.AlphaDropout, nn.FeatureAlphaDropout)
_AXES = {nn.Dropout1d: (3,), nn.Dropout2d: (3, 4), nn.Dropout3d: (5,)}
_FLOOR = 1.7580993408473766  # minus the limit of SELU for large negative inputs


def dropouts(model: nn.Module) -> dict[str, _DropoutNd]:
    """Dropout layers of a model by path, without those whose class drops in its own way."""
    return {
        name: layer
        for name, layer in model.named_modules()
        if isinstance(layer, DROPOUTS)
        and any(type(layer).forward is kind.forward for kind in DROPOUTS)
    }


class Masks:
    """Masks of K samples, each a function of seed, layer, call, k and the shape of a row.

    They are drawn on first use and kept: one byte per unit, layer and sample.
    """

    def __init__(self, seed: int, samples: int) -> None:
        self.seed = seed
        self.samples = samples
        self._drawn: dict[tuple, list[Tensor]] = {}

    def keep(self, path: str, call: int, layer: _DropoutNd, x: Tensor) -> list[Tensor]:
        """One mask per sample of the units to keep in a row of ``x`` (N, ...), broadcast over N.

        Args:
            path, layer: path of the dropout layer, and the layer.
            call: number of earlier calls of this layer in this pass; each call has its own masks.
            x: input of the layer.

        Returns:
            K bool tensors, True for the units that stay.
        """
        shape, rate = mask_shape(layer, x), float(layer.p)
        key = (path, call, shape, rate, x.device)
        if key not in self._drawn:
            self._drawn[key] = [
                (torch.rand(shape, generator=generator(self.seed, path, call, k)) >= rate).to(
                    x.device
                )
                for k in range(self.samples)
            ]
        return self._drawn[key]

    def __reduce__(self) -> tuple:
        return Masks, (self.seed, self.samples)  # masks can be drawn again from the seed


def mask_shape(layer: nn.Module, x: Tensor) -> tuple[int, ...]:
    """Shape of a mask for one row: one value per unit, or per channel (axis 1)."""
    axes = next((axes for kind, axes in _AXES.items() if isinstance(layer, kind)), None)
    if axes is not None and x.ndim not in axes:
        raise ConfigurationError(
            f"{type(layer).__name__} got an input of shape {tuple(x.shape)}, where MCDropout "
            f"expects a batch (N, C, ...) of {' or '.join(map(str, axes))} axes: without a batch "
            "axis, no mask can be shared by all rows."
        )
    return (x.shape[1], *[1] * (x.ndim - 2)) if of_channels(layer) else tuple(x.shape[1:])


def of_channels(layer: nn.Module) -> bool:
    """Return whether the layer drops whole channels (axis 1)."""
    return isinstance(layer, _OF_CHANNELS)


def zeroing(layer: nn.Module) -> bool:
    """Return whether the layer zeroes dropped units and scales the others by 1 / (1 - p)."""
    return not isinstance(layer, _ALPHA)


def scale(layer: _DropoutNd) -> float:
    """Factor by which the kept units are multiplied."""
    return 1 / (1 - layer.p) if layer.p < 1 else 0.0


def masked(layer: _DropoutNd, x: Tensor, keep: Tensor) -> Tensor:
    """Output of a dropout layer that keeps the units ``keep``, as torch computes it."""
    keep = keep.to(x.dtype)
    if zeroing(layer):
        return x * (keep * scale(layer))
    rate = float(layer.p)
    if rate == 1:
        return torch.zeros_like(x)
    a = 1 / math.sqrt((1 + _FLOOR**2 * rate) * (1 - rate))
    return x * (keep * a) + ((keep - 1) * (_FLOOR * a) + _FLOOR * a * rate)


def check_rows(layer: nn.Module, path: str, x: Tensor, rows: int | None) -> None:
    """Raise a ConfigurationError if axis 0 is not the batch: a length that ``rows`` divides."""
    if x.ndim < 2 or (rows and x.shape[0] % rows):
        raise ConfigurationError(
            f"The dropout {path!r} ({type(layer).__name__}) got an input of shape "
            f"{tuple(x.shape)} for {rows} samples: its first axis must be the batch (N, ...), so "
            "that all samples share a mask. Use batch_first=True or move the batch axis first."
        )


def spreading(layers: Sequence[_DropoutNd]) -> bool:
    """Return whether any of the layers drops at random: a rate above 0 and below 1."""
    return any(0 < layer.p < 1 for layer in layers)
