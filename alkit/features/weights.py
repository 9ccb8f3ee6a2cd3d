"""Fingerprint of a network: its layers, and all of its tensors."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

import torch
from torch import Tensor, nn


def fingerprint(network: nn.Module) -> str:
    """Text that differs for another network: other layers, other weights."""
    digest = blake2b(f"{type(network).__qualname__} {network!r}".encode(), digest_size=8)
    for name, value in _values(network):
        digest.update(name.encode())
        if isinstance(value, bytes):
            digest.update(value)
        elif isinstance(value, Tensor):
            flat = value.detach().cpu().contiguous().reshape(-1)
            digest.update(flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b"")
    return digest.hexdigest()


def _values(network: nn.Module) -> Iterator[tuple[str, Any]]:
    """Weights, and what a state dict leaves out: other tensors, and constants of TorchScript."""
    weights = network.state_dict()
    yield from weights.items()
    yield from ((name, value) for name, value in _others(network, "") if name not in weights)


def _others(part: nn.Module, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(part, torch.jit.ScriptModule):
        yield path, part.save_to_buffer()
        return
    held = {**part._buffers, **vars(part)}
    yield from ((path + name, held[name]) for name in held if isinstance(held[name], Tensor))
    for name, child in part.named_children():
        yield from _others(child, f"{path}{name}.")
