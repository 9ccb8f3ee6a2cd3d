"""Temporary evaluation mode, optionally on another device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def evaluating(module: nn.Module, device: torch.device | None = None) -> Iterator[None]:
    """Put every part in eval mode, on ``device`` if given; restore modes and device on exit."""
    # a frozen part of TorchScript has no mode
    modes = [(part, part.training) for part in module.modules() if hasattr(part, "training")]
    home = next((t.device for t in [*module.parameters(), *module.buffers()]), torch.device("cpu"))
    try:
        module.eval()
    except NotImplementedError:  # a program of torch.export keeps the mode it was exported in
        for part, _ in modes:
            part.training = False
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
