"""Blocks that join several inputs into one."""

from __future__ import annotations

import torch

from alkit.blocks.block import Block


class Add(Block):
    """The sum of its inputs, given one by one or as one list; shapes that broadcast."""

    def forward(self, *inputs: torch.Tensor | list[torch.Tensor]) -> torch.Tensor:
        first, *others = _listed(inputs)
        for other in others:
            first = first + other
        return first


class Cat(Block):
    """Its inputs side by side, given one by one or as one list.

    Args:
        dim: the axis along which they are joined; the others have the same length.
    """

    def __init__(self, dim: int = 1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, *inputs: torch.Tensor | list[torch.Tensor]) -> torch.Tensor:
        return torch.cat(_listed(inputs), dim=self.dim)


def _listed(inputs: tuple[torch.Tensor | list[torch.Tensor], ...]) -> list[torch.Tensor]:
    first = inputs[0]
    return list(first) if isinstance(first, (list, tuple)) else list(inputs)  # type: ignore[arg-type]
