"""Building recipes into torch modules in place, and turning copies of built blocks into recipes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

from torch import nn

from alkit.initializers import run_initializer

if TYPE_CHECKING:  # block.py imports this file
    from alkit.blocks.block import Block


class Made(NamedTuple):
    """Record of one step of `build`: the recipe `part` at `path` became `module`."""

    path: str
    part: Block
    module: nn.Module | None


def is_block(module: object) -> TypeGuard[Block]:
    """Return whether `module` is a block of any kind."""
    return hasattr(module, "_edits")


def blocks_below(module: nn.Module, prefix: str = "") -> Iterator[tuple[str, Block]]:
    """(path, block) of the nearest blocks below, through plain modules, in definition order."""
    for name, child in module._modules.items():
        if is_block(child):
            yield prefix + name, child
        elif child is not None:
            yield from blocks_below(child, f"{prefix}{name}.")


def unbuilt_below(block: Block) -> list[tuple[str, Block]]:
    """The blocks of `blocks_below` that are not built."""
    return [(path, part) for path, part in blocks_below(block) if not part._built]


def build_in_place(block: Block) -> None:
    """Make every module first, then put each in its place, so that a failure changes nothing."""
    made: dict[int, nn.Module | None] = {}
    _make(block, "", made)
    _place(block, "", made)
    initialize(block)
    _log_outputs(block)


def _make(block: Block, prefix: str, made: dict[int, nn.Module | None]) -> None:
    for path, part in unbuilt_below(block):
        if id(part) not in made:  # a part used in two places is one module
            made[id(part)] = part._make(prefix + path)
            if made[id(part)] is part:
                _make(part, f"{prefix}{path}.", made)


def _place(block: Block, path: str, made: dict[int, nn.Module | None]) -> None:
    block._built, block._path = True, path
    for below, part in unbuilt_below(block):
        module = made[id(part)]
        holder, name = _holder(block, below)
        holder._modules[name] = module
        block._made.append(Made(below, part, module))
        if module is part:
            _place(part, f"{path}.{below}" if path else below, made)


def initialize(block: Block) -> None:
    """Run the outermost initializers first, so that those of a part override the whole's."""
    tops = [made.module for made in all_made(block) if made.module is not made.part]
    fresh = dict.fromkeys(module for top in tops if top is not None for module in top.modules())
    for initializer in block._initializers:
        run_initializer(initializer, fresh, block._path or type(block).__name__)
    for path, part, module in block._made:
        if module is part:
            initialize(part)
        elif module is not None:
            for initializer in part._initializers:
                run_initializer(initializer, module.modules(), path)


def all_made(block: Block) -> Iterator[Made]:
    """Everything `build` made in `block` and in the blocks below that were built with it."""
    for made in block._made:
        yield made
        if made.module is made.part:
            yield from all_made(made.part)


def unmake(block: Block) -> None:
    """Restore the recipes in a copy, in place of the modules built from them."""
    for path, part, module in block._made:
        holder, name = _holder(block, path)
        if holder._modules.get(name, holder) is module:
            holder._modules[name] = part
        unmake(part)
    block._made, block._built, block._path, block.training = [], False, "", True


class Logs(dict[str, Any]):
    """Outputs of the last call, by name; empty in copies and saved files."""

    def __reduce__(self) -> tuple[type[Logs], tuple[()]]:
        return Logs, ()


def log_output(logs: Logs, name: str, module: nn.Module) -> None:
    """Store the output of every call of `module` in `logs`."""
    module.register_forward_hook(partial(_keep, logs, name))


def _keep(logs: Logs, name: str, module: nn.Module, inputs: object, output: object) -> None:
    logs[name] = output


def _log_outputs(block: Block) -> None:
    became = {id(made.part): made.module for made in all_made(block)}
    for part, name in block._logged:
        module = became.get(id(part), part)
        if module is not None:
            log_output(block.logs, name, module)
    for made in block._made:
        if made.module is made.part:
            _log_outputs(made.part)


def _holder(block: nn.Module, path: str) -> tuple[nn.Module, str]:
    parent, _, name = path.rpartition(".")
    return block.get_submodule(parent), name
