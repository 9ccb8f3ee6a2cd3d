"""K tensors that differ in what a dropout dropped, stored so that no dropped channel is computed.

There are three forms of a value (N, C, ...) for each of K samples:

    Values    K tensors
    Channels  the channels kept in each sample; the others are zero
    Product   a linear layer or convolution, deferred until the next dropout determines which
              of its outputs are needed; until then it collects functions of single channels

These objects are immutable. ``values()`` returns the K tensors for every form.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

HOMOGENEOUS = {"relu", "leaky_relu"} | {
    f"{pool}_pool{n}d" for pool in ("max", "avg", "adaptive_max", "adaptive_avg") for n in (1, 2, 3)
}
"""Functions of single channels with f(a x) = a f(x) for a > 0, hence f(0) = 0."""

ZERO_AT_ZERO = HOMOGENEOUS | {"tanh", "gelu", "silu", "elu"}
"""Functions of single channels with f(0) = 0."""


VIEWS = {"flatten", "view", "reshape"}


class Values:
    """One tensor (N, ...) for each sample."""

    def __init__(self, tensors: list[Tensor]) -> None:
        self.tensors = tensors
        self.shape, self.dtype, self.device = _like(tensors[0])

    def values(self) -> list[Tensor]:
        return self.tensors


class Channels:
    """The channels (axis 1) of ``size`` that a dropout kept in each sample; the others are zero.

    Args:
        base: all channels before the dropout, as one tensor for all samples; or, for each sample,
            only its kept channels.
        kept: indices of the channels that each sample keeps, ascending.
        size: number of channels.
        scale: factor by which the kept channels must be multiplied.
    """

    def __init__(
        self, base: Tensor | list[Tensor], kept: list[Tensor], size: int, scale: float
    ) -> None:
        self.base, self.kept, self.size, self.scale = base, kept, size, scale
        first = base if isinstance(base, Tensor) else base[0]
        self.shape, self.dtype, self.device = _like(first)
        self.shape = (self.shape[0], size, *self.shape[2:])

    def compact(self) -> Iterable[Tensor]:
        """The kept channels of each sample, not yet scaled; sliced lazily."""
        if not isinstance(self.base, Tensor):
            return self.base
        base = self.base.contiguous()  # slice planes first, then change the memory layout
        return (_laid_out(base.index_select(1, kept)) for kept in self.kept)

    def values(self) -> list[Tensor]:
        return [
            channels.new_zeros(self.shape).index_copy_(1, kept, channels * self.scale)
            for channels, kept in zip(self.compact(), self.kept, strict=True)
        ]

    def through(self, name: str, function: Callable[[Tensor], Tensor]) -> Channels:
        """Apply a function of single channels that is zero at zero."""
        if name in HOMOGENEOUS:
            base = self.base
            base = function(base) if isinstance(base, Tensor) else [function(x) for x in base]
            return Channels(base, self.kept, self.size, self.scale)
        base = [function(channels * self.scale) for channels in self.compact()]
        return Channels(base, self.kept, self.size, 1.0)

    def flattened(self) -> Channels:
        """(N, C, ...) as (N, C * ...)."""
        inside = math.prod(self.shape[2:])
        places = torch.arange(inside, device=self.device)
        kept = [(channels[:, None] * inside + places).flatten() for channels in self.kept]
        base = self.base
        base = base.flatten(1) if isinstance(base, Tensor) else [x.flatten(1) for x in base]
        return Channels(base, kept, self.size * inside, self.scale)


class Product:
    """A linear layer or convolution of ``source``, deferred until the needed outputs are known."""

    def __init__(
        self,
        source: Values | Channels,
        function: Callable[..., Tensor],
        weight: Tensor,
        bias: Tensor | None,
        options: tuple[Any, ...] = (),
        after: Sequence[Callable[[Tensor], Tensor]] = (),
    ) -> None:
        self.source, self.function, self.options, self.after = source, function, options, after
        self.weight, self.bias = weight, bias
        self.dtype, self.device = source.dtype, source.device

    @cached_property
    def shape(self) -> tuple[int, ...]:
        rows, *row = self.source.shape
        x = torch.empty(0, *row, dtype=self.dtype, device=self.device)
        x = self.function(x, self.weight, self.bias, *self.options)  # without rows
        for function in self.after:
            x = function(x)
        return (rows, *x.shape[1:])

    def through(self, name: str, function: Callable[[Tensor], Tensor]) -> Product:
        """Apply a function of single channels, deferred as well."""
        source, after = self.source, [*self.after, function]
        return Product(source, self.function, self.weight, self.bias, self.options, after)

    @cached_property
    def _values(self) -> list[Tensor]:
        return self.channels(None)

    def values(self) -> list[Tensor]:
        return self._values

    def channels(self, kept: list[Tensor] | None) -> list[Tensor]:
        """Only the given output channels of each sample; all of them for None."""
        source = self.source
        inputs = source.compact() if isinstance(source, Channels) else source.values()
        outputs = []
        for k, x in enumerate(inputs):
            weight, bias = self.weight, self.bias
            if kept is not None:
                weight = weight.index_select(0, kept[k])
                bias = None if bias is None else bias.index_select(0, kept[k])
            if isinstance(source, Channels):
                weight = weight.index_select(1, source.kept[k])
                weight = weight if source.scale == 1 else weight * source.scale
            x = self.function(x, weight, bias, *self.options)
            for function in self.after:
                x = function(x)
            outputs.append(x)
        return outputs


Held = Values | Channels | Product


def dropped(x: Tensor | Held, keep: list[Tensor], scale: float) -> Channels | None:
    """``x`` (N, C, ...) after a dropout of channels; None if any sample would keep no channel.

    Args:
        x: one tensor for all samples, or the values of the samples in one of the forms.
        keep: mask of the channels that each sample keeps, bool ``(C, 1, ...)``.
        scale: factor by which the kept channels are multiplied.
    """
    kept = [mask.flatten().nonzero()[:, 0] for mask in keep]
    if not all(map(len, kept)):
        return None
    size = x.shape[1]
    if isinstance(x, Tensor):  # a copy, in case x is changed in place later
        base = _laid_out(x.clone())
    elif isinstance(x, Product):
        base = x.channels(kept)
    else:
        base = [v.index_select(1, channels) for v, channels in zip(x.values(), kept, strict=True)]
    return Channels(base, kept, size, scale)


def followed(
    held: Held, name: str, func: Callable[..., Any], args: tuple, kwargs: dict
) -> Held | None:
    """``func(held, *args, **kwargs)`` if possible without K full tensors, else None."""
    if isinstance(held, Values | Channels) and (
        product := _product(held, name, func, args, kwargs)
    ):
        return product
    if isinstance(held, Values):
        return None
    if name in ZERO_AT_ZERO and not kwargs.get("return_indices"):
        dimensions = name[-2:-1] if name.endswith("d") else ""
        if dimensions and len(held.shape) != int(dimensions) + 2:
            return None  # one sample without a batch axis: axis 1 is not the channels
        return held.through(name, lambda x: func(x, *args, **kwargs))
    if isinstance(held, Channels) and name in VIEWS and torch.dtype not in map(type, args):
        flat = (held.shape[0], math.prod(held.shape[1:]))
        shape = func(torch.empty(held.shape, device="meta"), *args, **kwargs).shape
        return held.flattened() if tuple(shape) == flat else None
    return None


def _product(
    held: Values | Channels, name: str, func: Callable[..., Any], args: tuple, kwargs: dict
) -> Product | None:
    if kwargs or not args or not isinstance(args[0], Tensor):
        return None
    weight, bias, options = args[0], args[1] if len(args) > 1 else None, args[2:]
    if name == "linear":
        fits = len(held.shape) == 2
    else:
        fits = name in ("conv1d", "conv2d", "conv3d") and len(held.shape) == weight.ndim
    fits = fits and held.shape[1] == weight.shape[1]  # False for a grouped convolution
    return Product(held, func, weight, bias, options) if fits else None


def _laid_out(x: Tensor) -> Tensor:
    """Images on a CPU in channels-last layout: pools and odd-sized slices are faster."""
    images = x.ndim == 4 and x.device.type == "cpu"
    return x.contiguous(memory_format=torch.channels_last) if images else x


def _like(x: Tensor) -> tuple[tuple[int, ...], torch.dtype, torch.device]:
    return tuple(x.shape), x.dtype, x.device
