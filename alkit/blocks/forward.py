"""Outputs of a module for many inputs, computed batch by batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import nn

from alkit.arguments import check_integer
from alkit.errors import ConfigurationError
from alkit.eval_mode import evaluating

Arrays: TypeAlias = "torch.Tensor | np.ndarray"
Outputs: TypeAlias = "torch.Tensor | dict[Any, Outputs] | tuple[Outputs, ...]"


def predict(
    module: nn.Module, inputs: Sequence[Arrays], batch_size: int, device: torch.device | str | None
) -> Any:
    """See `Block.predict`."""
    batch_size = check_integer("batch_size", batch_size)
    for x in inputs:
        if not isinstance(x, (torch.Tensor, np.ndarray)):
            raise ConfigurationError(f"Inputs must be arrays or tensors, got {type(x).__name__}.")
    lengths = [len(x) for x in inputs]
    if len(set(lengths)) > 1:
        raise ConfigurationError(f"Inputs must have the same length, got {lengths}.")
    weight = next((p for p in module.parameters() if p.is_floating_point()), None)
    home = next((t.device for t in [*module.parameters(), *module.buffers()]), torch.device("cpu"))
    where = home if device is None else _device(device)
    back = inputs[0].device if isinstance(inputs[0], torch.Tensor) else torch.device("cpu")

    def batch(x: Arrays, rows: slice) -> torch.Tensor:
        if not isinstance(x, np.ndarray):
            return x[rows].to(where)
        part = torch.as_tensor(x[rows]).to(where)
        return part if weight is None or not part.is_floating_point() else part.to(weight.dtype)

    outputs = []
    with evaluating(module, where), torch.no_grad():
        for start in range(0, max(lengths[0], 1), batch_size):  # no input: one empty batch
            rows = slice(start, start + batch_size)
            outputs.append(_to(module(*(batch(x, rows) for x in inputs)), back))
    return _joined(outputs)


def _device(device: torch.device | str) -> torch.device:
    try:
        return torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ConfigurationError(
            f'device must be one that torch knows, such as "cpu" or "cuda:0", got {device!r}.'
        ) from error


def _to(output: Outputs, device: torch.device) -> Outputs:
    if isinstance(output, torch.Tensor):
        return output.to(device)
    if isinstance(output, dict):
        return {key: _to(value, device) for key, value in output.items()}
    return tuple(_to(value, device) for value in output)


def _joined(outputs: list[Any]) -> Outputs:
    first = outputs[0]
    if isinstance(first, torch.Tensor):
        return torch.cat(outputs)
    if isinstance(first, dict):
        return {key: _joined([output[key] for output in outputs]) for key in first}
    return tuple(_joined(list(values)) for values in zip(*outputs, strict=True))
