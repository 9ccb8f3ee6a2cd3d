"""The network that a posterior is built around."""

from __future__ import annotations

from torch import nn

from alkit.errors import ArgumentError


def check_network(block: str, model: object, *, several: bool = False) -> None:
    """Raise an ArgumentError unless it is a module or, if several are allowed, a list of them."""
    parts = model if several and isinstance(model, list | tuple) else [model]
    for part in parts:
        if not isinstance(part, nn.Module):
            hint = f" Did you mean {part.__name__}(...)?" if isinstance(part, type) else ""
            raise ArgumentError(
                f"{block} takes a network, an nn.Module{' or a list of them' if several else ''}, "
                f"got {part!r}.{hint}"
            )
