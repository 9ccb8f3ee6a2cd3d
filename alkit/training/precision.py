"""Dtypes of weights: a Trainer's precision ends with its run, and inputs are cast to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Any

import torch
from lightning_utilities.core.apply_func import apply_to_collection
from torch import Tensor, nn


def dtypes_of(module: nn.Module) -> dict[str, torch.dtype]:
    """Dtypes of the parameters and buffers by name."""
    return {name: value.dtype for name, value in _tensors(module)}


def give_back(module: nn.Module, dtypes: Mapping[str, torch.dtype]) -> None:
    """Convert parameters and buffers to ``dtypes`` in place; no tensor is replaced.

    ``precision="bf16-true"`` and the like convert the module of a Trainer for good.
    """
    for name, value in _tensors(module):
        if dtypes.get(name, value.dtype) != value.dtype:
            value.grad = None  # from a finished step, in the other dtype
            value.data = value.data.to(dtypes[name])


def as_weights(module: nn.Module) -> Callable[[Any], Any]:
    """Function that casts the floating-point tensors of a batch to the dtype of the weights.

    It leaves a batch alone if the weights are float32, as the data of most pools, or of several
    dtypes; integers are always left alone.
    """
    found = {p.dtype for p in module.parameters() if p.is_floating_point()}
    dtype = found.pop() if len(found) == 1 else torch.float32
    if dtype == torch.float32:
        return lambda batch: batch

    def cast(value: Tensor) -> Tensor:
        return value.to(dtype) if value.is_floating_point() else value

    return lambda batch: apply_to_collection(batch, Tensor, cast)


def _tensors(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    return chain(module.named_parameters(), module.named_buffers())
