"""Blocks that hold an ordered list of other blocks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import nn

from alkit.arguments import as_integer
from alkit.blocks.block import Block, edit
from alkit.blocks.parts import Selection
from alkit.blocks.tree import is_empty
from alkit.errors import ConfigurationError, SelectionError, likely


class LayerList(Block):
    """A list of blocks and modules that gives access to the children of its elements.

    `blocks[0]` is an element, `blocks[1:]` a `Selection`, and `blocks.activation` the activations
    of all elements that have one. It is not callable: `for block in self.blocks: x = block(x)`.
    """

    def __init__(self, *modules: Any) -> None:
        super().__init__()
        if len(modules) == 1 and isinstance(modules[0], (list, tuple)):
            modules = tuple(modules[0])
        for module in modules:
            self.append(module)

    @edit
    def append(self, module: nn.Module, name: str | None = None) -> None:
        """Add a module at the end."""
        self._insert(len(self._modules), module, name)

    @edit
    def prepend(self, module: nn.Module, name: str | None = None) -> None:
        """Add a module at the front."""
        self._insert(0, module, name)

    @edit
    def insert(self, index: int | str, module: nn.Module, name: str | None = None) -> None:
        """Add a module before the one at `index`, a position or a name."""
        self._insert(self._position(index), module, name)

    @edit
    def remove(self, index: int | str) -> None:
        """Remove the module at `index`, a position or a name."""
        items = list(self._modules.items())
        del items[self._position(index)]
        self._renumber(items)

    @edit
    def replace(self, index: int | str, module: nn.Module) -> None:
        """Replace the module at `index`, a position or a name."""
        name = list(self._modules)[self._position(index)]
        self._modules[name] = _checked(module)

    def __len__(self) -> int:
        return len(self._filled())

    def __iter__(self) -> Iterator[nn.Module]:
        return (child for _, child in self._filled())

    def __getitem__(self, key: object) -> Any:
        """One element by position, several by slice, or parts by name; see `Block.__getitem__`."""
        if isinstance(key, int):
            return self._modules[list(self._modules)[self._position(key)]]
        if isinstance(key, slice):
            return Selection(self._filled()[key], self)
        return super().__getitem__(key)

    def __getattr__(self, name: str) -> Any:
        """The elements' children called `name`, if the list itself has no such attribute."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            parts = [(where, part) for where, part in self._filled() if name in part._modules]
            if name.startswith("_") or not parts:
                raise
            return getattr(Selection(parts, self), name)

    def _filled(self) -> list[tuple[str, nn.Module]]:
        children = self._modules.items()
        return [
            (name, child) for name, child in children if child is not None and not is_empty(child)
        ]

    def _insert(self, position: int, module: nn.Module, name: str | None) -> None:
        name = self._default_name(_checked(module)) if name is None else name
        plain = isinstance(name, str) and name and "." not in name
        if not plain or name in self._modules or hasattr(type(self), name):
            raise ConfigurationError(
                f"{type(self).__name__} cannot name a part {name!r}: the name is taken or not a "
                "plain name. Pass another one as name=..."
            )
        items = list(self._modules.items())
        items.insert(position, (name, module))
        self._renumber(items)

    def _default_name(self, module: nn.Module) -> str:
        return str(len(self._modules))

    def _position(self, index: int | str) -> int:
        """Position among all children of the one at `index`; empty slots are not counted."""
        names = list(self._modules)
        if isinstance(index, str):
            if index not in names:
                raise SelectionError(
                    f"{type(self).__name__} has no {index!r}{likely(index, names)}"
                )
            return names.index(index)
        if as_integer(index) is None:
            raise SelectionError(
                f"A part of {type(self).__name__} is found by its position or name, got {index!r}."
            )
        filled = [name for name, _ in self._filled()]
        if not -len(filled) <= index < len(filled):
            raise SelectionError(
                f"{type(self).__name__} has {len(filled)} parts; there is no index {index}."
            )
        return names.index(filled[index])

    def _renumber(self, items: list[tuple[str, nn.Module | None]]) -> None:
        """Set `items` as the children; children named by number are renumbered by position."""
        self._modules.clear()
        for place, (name, child) in enumerate(items):
            self._modules[str(place) if name.isdigit() else name] = child


class Sequential(LayerList):
    """Blocks and modules, each called on the output of the previous one.

    `Sequential(backbone, head)`, or a single list of parts. Parts are numbered unless named.
    """

    def forward(self, x: Any) -> Any:
        """The output of the last part, or `x` itself if there are no parts."""
        for part in self._modules.values():
            if part is not None:
                x = part(x)
        return x


def _checked(module: object) -> nn.Module:
    if not isinstance(module, nn.Module):
        raise ConfigurationError(
            f"A part must be a block or an nn.Module, got {module!r}"
            + (f": wrap the class, Layer({module.__name__})." if isinstance(module, type) else ".")
        )
    return module
