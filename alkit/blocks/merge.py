"""Blocks that join several inputs into one."""

from __future__ import annotations

import torch

from alkit.blocks.block import Block


class Add(Block):
    """Sum of its inputs, passed one by one or as a list; their shapes must broadcast."""

    def forward(self, *inputs: torch.Tensor | list[torch.Tensor]) -> torch.Tensor:
        first, *others = _listed(inputs)
        for other in others:
            first = first + other
        return first


class Cat(Block):
    """Concatenation of its inputs, passed one by one or as a list.

    Args:
        dim: the axis along which they are joined; all other axes must have equal lengths.
    """

    def __init__(self, dim: int = 1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, *inputs: torch.Tensor | list[torch.Tensor]) -> torch.Tensor:
        return torch.cat(_listed(inputs), dim=self.dim)


def _listed(inputs: tuple[torch.Tensor | list[torch.Tensor], ...]) -> list[torch.Tensor]:
    first = inputs[0]
    return list(first) if isinstance(first, (list, tuple)) else list(inputs)  # type: ignore[arg-type]
