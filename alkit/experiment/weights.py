"""Coarse digest of the weights that a network begins with."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from alkit.strategies.description import short_hash


def digest(module: nn.Module) -> dict[str, Any]:
    """Coarse hash of the weights, and the names of those that do not learn.

    Mean, standard deviation and a few values of each to three digits, so that
    another processor, which rounds otherwise, makes the same. Cost: a pass over the weights.
    """
    texts = [
        f"{name} {_coarse(value.detach().cpu())}"
        for name, value in module.state_dict().items()
        if isinstance(value, Tensor) and not is_lazy(value)
    ]
    frozen = [name for name, weight in module.named_parameters() if not weight.requires_grad]
    names = " ".join(frozen)
    return {
        "values": f"#{short_hash(repr(texts))}",
        "frozen": names if len(names) <= 200 else f"#{short_hash(names)}",
    }


def _coarse(values: Tensor) -> str:
    if not values.numel() or values.is_quantized or values.layout != torch.strided:
        return str(tuple(values.shape))
    flat = (torch.view_as_real(values) if values.is_complex() else values).reshape(-1)
    spread, mean = map(float, torch.std_mean(flat.to(torch.float64), correction=0))
    some = flat[:: max(1, len(flat) // 4)].tolist()  # tells large random weights apart
    middle = f"{mean:.3g}" if spread <= 1e-6 * abs(mean) else f"{spread:.3g} {mean / spread:.3f}"
    return " ".join([middle.replace("-0.000", "0.000"), *(f"{value:.3g}" for value in some)])
