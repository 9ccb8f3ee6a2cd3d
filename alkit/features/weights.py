"""Fingerprint of a network: all that its outputs depend on but its input."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from itertools import chain
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from alkit.errors import FeaturesError

PRINTED = ("torch", "torchvision")  # packages whose modules print their settings
OF_BASES = {*vars(nn.Module()), *vars(LightningModule())}  # attributes of every module


def fingerprint(network: nn.Module) -> str:
    """Text that differs for another network: other layers, weights, buffers or settings.

    Settings are arrays, texts, floats and truth values among the attributes of modules. Integers
    are left out, since they may count calls, and so are settings of torch's modules, which print
    them.

    Raises:
        FeaturesError: a lazy layer has no weights yet.
    """
    digest = blake2b(f"{type(network).__qualname__} {network!r}".encode(), digest_size=8)
    for name, value in chain(network.state_dict().items(), _unsaved(network)):
        digest.update(name.encode())
        for piece in _pieces(value):
            digest.update(piece)
    return digest.hexdigest()


def _unsaved(network: nn.Module) -> Iterator[tuple[str, Any]]:
    """Buffers that a state lacks, attributes of modules, and constants of TorchScript."""
    for path, part in network.named_modules():
        if isinstance(part, torch.jit.ScriptModule):
            yield path, part.save_to_buffer()
            continue
        for name in sorted(part._non_persistent_buffers_set):
            yield f"{path}.{name}", part._buffers.get(name)
        kinds = Tensor | np.ndarray
        if type(part).__module__.partition(".")[0] not in PRINTED:
            kinds |= str | float | bool
        for name, value in vars(part).items():
            if name not in OF_BASES and any(isinstance(leaf, kinds) for leaf in _leaves(value)):
                yield f"{path}.{name}", value


def _leaves(value: Any) -> Iterator[Any]:
    """Values in an attribute, which may be a container, that can be hashed."""
    if isinstance(value, Mapping):
        value = [part for pair in value.items() for part in pair]
    if isinstance(value, list | tuple):
        for part in value:
            yield from _leaves(part)
    elif isinstance(value, Tensor | np.ndarray | str | float | bool | bytes):
        yield value


def _pieces(value: Any) -> Iterator[bytes]:
    for leaf in _leaves(value):
        if is_lazy(leaf):
            raise FeaturesError(
                "the frozen network has a lazy layer without weights: call it once on a batch, or "
                "load its weights, first."
            )
        if isinstance(leaf, Tensor):
            tensor = leaf.detach().dequantize() if leaf.is_quantized else leaf.detach()
            flat = tensor.to_dense().cpu().contiguous().reshape(-1)
            yield flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""
        elif isinstance(leaf, np.ndarray):
            yield leaf.tobytes()
        else:
            yield repr(leaf).encode()
