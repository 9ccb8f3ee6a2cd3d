"""Evaluation mode for a while, on a device for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def evaluating(module: nn.Module, device: torch.device | None = None) -> Iterator[None]:
    """Every part in eval mode, on ``device`` if one is given; modes and place are restored."""
    modes = [(part, part.training) for part in module.modules()]
    home = next((t.device for t in [*module.parameters(), *module.buffers()]), torch.device("cpu"))
    module.eval()
    moved = device is not None and device != home
    try:
        if moved:
            module.to(device)
        yield
    finally:
        for part, training in modes:
            part.training = training
        if moved:
            module.to(home)
