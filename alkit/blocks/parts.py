"""Selections: several parts of a network, accessed and edited as one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from torch import nn

from alkit.blocks.construction import is_block
from alkit.errors import BuiltError, ConfigurationError, SelectionError, likely
from alkit.initializers import as_initializer, run_initializer

if TYPE_CHECKING:  # block.py imports this file
    from alkit.blocks.block import Block

Part = tuple[str, nn.Module]  # (path, module)
_EDITS = ("configure", "append", "prepend", "insert", "remove", "replace")


class Selection:
    """Parts of a network, in network order; returned by `blocks[1:]` and `block[..., "name"]`.

    An attribute is looked up on every part that has it, and a method is called on each:
    `net.blocks[1:].pool.configure(nn.MaxPool2d, kernel_size=2)`. An edit (`configure`, `append`,
    `prepend`, `insert`, `remove`, `replace`) returns the selection and raises if one of the parts
    cannot be edited; an unbuilt block given to several parts is copied for each. Any access to an
    empty selection raises `SelectionError`.
    """

    def __init__(self, parts: Sequence[Part], root: Block | None = None) -> None:
        self._parts = list(parts)
        self._root = root  # the block that the paths start from

    def __len__(self) -> int:
        return len(self._parts)

    def __iter__(self) -> Iterator[nn.Module]:
        return (module for _, module in self._parts)

    def __getitem__(self, key: object) -> Any:
        """One part by position, several by slice, or parts within these by name or `...`."""
        if isinstance(key, int):
            return self._parts[key][1]
        if isinstance(key, slice):
            return Selection(self._parts[key], self._root)
        return _select(self._parts, key if isinstance(key, tuple) else (key,), self._root)

    def __repr__(self) -> str:
        return "Selection(" + ", ".join(self.list_names()) + ")"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        found: list[tuple[str, Any]] = []
        for path, part in self._parts:
            value = getattr(part, name, None)
            if isinstance(value, Selection):
                found += [(f"{path}.{inner}", child) for inner, child in value._parts]
            elif value is not None:
                found.append((path, value))
        if name in _EDITS:
            return self._edit(name, found)
        if not found:
            names = [child for _, part in self._parts for child in part._modules]
            of = ", ".join(self.list_names()[:5]) or "an empty selection"
            raise SelectionError(f"No {name!r} in {of}{likely(name, names)}")
        if all(isinstance(value, nn.Module) for _, value in found):
            whole = {path for path, _ in self._parts}
            parts = [(f"{p}.{name}" if p in whole else p, value) for p, value in found]
            return Selection(parts, self._root)
        values = [value for _, value in found]
        return _each(values) if all(map(callable, values)) else values

    def _edit(self, name: str, found: list[tuple[str, Any]]) -> Callable[..., Selection]:
        refusing = sorted(set(self.list_names()) - {path for path, _ in found})
        if refusing:
            raise BuiltError(
                f"Cannot {name} {', '.join(refusing)}: these are torch modules. Edit before "
                ".build() or on a copy made with .new(); replace a module that you passed in."
            )
        if not found:
            raise SelectionError(f"Nothing to {name}: the selection is empty.")

        def edit(*args: object, **kwargs: object) -> Selection:
            for _, method in found:
                own = [_own(arg) if len(found) > 1 else arg for arg in args]
                method(*own, **kwargs)
            return self

        return edit

    @property
    def all(self) -> Selection:
        """All parts: `selection.all.initialize(...)`."""
        return self

    @property
    def first(self) -> Any:
        """The first part itself."""
        if not self._parts:
            raise SelectionError("There is no first part: the selection is empty.")
        return self._parts[0][1]

    def initialize(self, initializer: Callable[[nn.Module], object]) -> Selection:
        """Call `Block.initialize` on each part; torch modules are filled immediately."""
        as_initializer(initializer)
        if not self._parts:
            raise SelectionError("Nothing to initialize: the selection is empty.")
        for path, part in self._parts:
            initialize = getattr(part, "initialize", None)
            if initialize is not None:
                initialize(initializer)
            else:
                run_initializer(initializer, part.modules(), path)
        return self

    def log_output(self, name: str) -> Selection:
        """Store the output of the single part in `logs[name]` of the block it comes from."""
        if len(self._parts) != 1 or self._root is None:
            raise SelectionError(f"Exactly one part is logged under {name!r}, got {self!r}.")
        self._root._log_output(self._parts[0][0], name)
        return self

    def list_names(self) -> list[str]:
        """Paths of the parts, such as "blocks.0.activation"."""
        return [path for path, _ in self._parts]

    def filter(self, keep: Callable[[str, nn.Module], bool]) -> Selection:
        """The parts for which `keep(path, module)` is true."""
        return self._some([p for p in self._parts if keep(*p)], "Nothing passes the filter")

    def isinstance(self, kind: type | tuple[type, ...]) -> Selection:
        """The parts that are instances of `kind`, or will be once built."""
        parts = [(path, part) for path, part in self._parts if issubclass(_kind(part), kind)]
        return self._some(parts, f"Nothing selected is a {kind}")

    def hasattr(self, name: str) -> Selection:
        """The parts that have an attribute `name`, on themselves or on their class."""
        has = [p for p in self._parts if hasattr(p[1], name) or hasattr(_kind(p[1]), name)]
        return self._some(has, f"Nothing selected has {name!r}")

    def _some(self, parts: list[Part], otherwise: str) -> Selection:
        if not parts:
            raise SelectionError(f"{otherwise}.")
        return Selection(parts, self._root)


def select(root: Block, keys: Sequence[object]) -> Selection:
    """The parts of `root` selected by `keys`; see `Block.__getitem__`."""
    return _select([("", root)], keys, root)


def _select(parts: Sequence[Part], keys: Sequence[object], root: Block | None) -> Selection:
    parts, anywhere = list(parts), False
    for key in keys:
        if key is Ellipsis:
            anywhere = True
            continue
        if isinstance(key, str):
            groups = (
                [[p for part in parts for p in _below(part)]] if anywhere else map(_children, parts)
            )
        elif isinstance(key, (int, slice, list)):
            groups = map(
                _children,
                [p for part in parts for p in [part, *_below(part)]] if anywhere else parts,
            )
        else:
            raise ConfigurationError(
                f"Parts are selected by name, index, slice, or `...`; got {key!r}."
            )
        groups = [list(group) for group in groups]
        parts = [part for group in groups for part in _pick(group, key)]
        if not parts:
            names = [path.rpartition(".")[2] for group in groups for path, _ in group]
            near = likely(key.partition("#")[0], names) if isinstance(key, str) else "."
            raise SelectionError(f"{key!r} matches nothing{near}")
        anywhere = False
    if anywhere:
        parts = [p for part in parts for p in ([part] if part[0] else []) + list(_below(part))]
    return Selection(list(dict.fromkeys(parts)), root)


def _pick(group: list[Part], key: str | int | slice | list[Any]) -> list[Part]:
    """Parts of one group that `key` selects: the children of a part, or all below after `...`."""
    if isinstance(key, int):
        return group[key:][:1] if -len(group) <= key else []
    if isinstance(key, slice):
        return group[key]
    if isinstance(key, list):
        return [part for index in key for part in _pick(group, index)]
    picked = []
    for spec in key.split(","):
        names, _, numbers = spec.partition("#")
        alternatives = [name.strip() for name in names.split("|")]
        named = [part for part in group if part[0].rpartition(".")[2] in alternatives]
        picked += named[_slice(numbers, key)] if numbers else named
    return picked


def _slice(text: str, key: str) -> slice:
    try:
        numbers = [int(number) if number.strip() else None for number in text.split(":")]
        if len(numbers) == 1 and numbers[0] is not None:
            return slice(numbers[0], numbers[0] + 1 or None)
        return slice(*numbers)
    except (ValueError, TypeError):
        raise ConfigurationError(
            f"{key!r}: '#' must be followed by an index or a slice such as 1:-1."
        ) from None


def _children(part: Part) -> Iterator[Part]:
    path, module = part
    for name, child in module._modules.items():
        if child is not None:
            yield (f"{path}.{name}" if path else name), child


def _below(part: Part) -> Iterator[Part]:
    for child in _children(part):
        yield child
        yield from _below(child)


def _kind(part: object) -> type:
    kind = getattr(part, "classtype", None)
    return kind if isinstance(kind, type) else type(part)


def _own(value: object) -> object:
    if isinstance(value, nn.Module) and is_block(value) and value._built is False:
        return value.new()
    return value


def _each(methods: list[Callable[..., Any]]) -> Callable[..., list[Any]]:
    return lambda *args, **kwargs: [method(*args, **kwargs) for method in methods]
