"""Text representation of a block: its tree, with unbuilt parts marked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:  # block.py imports this file
    from alkit.blocks.block import Block


def tree(block: Block) -> str:
    """The block as torch prints modules, without empty slots and with unbuilt blocks marked."""
    lines = [block.extra_repr()] if block.extra_repr() else []
    for name, child in block._modules.items():
        if not is_empty(child):
            lines.append(f"({name}): " + repr(child).replace("\n", "\n  "))
    head, mark = type(block).__name__, "" if block._built else "  # not built"
    if not lines:
        return f"{head}(){mark}"
    return f"{head}({mark}\n" + "".join(f"  {line}\n" for line in lines) + ")"


def is_empty(child: nn.Module | None) -> bool:
    """Return whether `child` is a slot that has not been filled."""
    return child is None or (hasattr(type(child), "is_empty") and child.is_empty is True)
