"""Blocks that join several inputs into one."""

from __future__ import annotations

import torch

from alkit.arguments import check_number
from alkit.blocks.block import Block
from alkit.errors import ArgumentError


class Add(Block):
    """Sum of its inputs, passed one by one or as a list; their shapes must broadcast."""

    def forward(self, *inputs: torch.Tensor | list[torch.Tensor]) -> torch.Tensor:
        first, *others = _listed("Add", inputs)
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
        check_number("dim", dim, "the number of an axis", lambda dim: dim == int(dim))
        self.dim = int(dim)

    def forward(self, *inputs: torch.Tensor | list[torch.Tensor]) -> torch.Tensor:
        return torch.cat(_listed("Cat", inputs), dim=self.dim)


def _listed(
    block: str, inputs: tuple[torch.Tensor | list[torch.Tensor], ...]
) -> list[torch.Tensor]:
    first = inputs[0] if inputs else ()
    listed = list(first) if isinstance(first, (list, tuple)) else list(inputs)
    if not listed:
        raise ArgumentError(f"{block} joins one or more tensors, or a list of them, got none.")
    return listed  # type: ignore[return-value]
