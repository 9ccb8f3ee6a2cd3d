"""Block: a part of a network that is configured first and built later."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, NamedTuple, ParamSpec, Self, TypeVar

import torch
from torch import nn

from alkit.blocks.construction import (
    Logs,
    Made,
    all_made,
    build_in_place,
    log_output,
    unbuilt_below,
    unmake,
)
from alkit.blocks.copies import keep_shared
from alkit.blocks.edits import check_names, reconstruct
from alkit.blocks.forward import Arrays, predict
from alkit.blocks.parts import select
from alkit.blocks.shape_errors import locate
from alkit.blocks.tree import tree
from alkit.errors import BuiltError, UnbuiltError
from alkit.initializers import as_initializer, run_initializer

B = TypeVar("B", bound="Block")
P = ParamSpec("P")


class Edit(NamedTuple):
    """One change to a recipe: the method that made it and its arguments."""

    method: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


def edit(method: Callable[Concatenate[B, P], object]) -> Callable[Concatenate[B, P], B]:
    """Turn a method into a recorded edit that returns the block and raises once it is built."""

    @wraps(method)
    def edited(self: B, *args: P.args, **kwargs: P.kwargs) -> B:
        self._refuse_if_built(method.__name__)
        before = len(self._edits)
        method(self, *args, **kwargs)
        self._edits[before:] = [Edit(method.__name__, args, kwargs)]  # inner edits count as one
        return self

    return edited


class Block(nn.Module):
    """A part of a network that is configured first and built later.

    Subclass it like `nn.Module`, with `Layer` or other blocks as children:

        class Two(al.blocks.Block):
            def __init__(self, width):
                super().__init__()
                self.first = al.Layer(nn.Linear, 2, width)
                self.last = al.Layer(nn.Linear, width, 1)

            def forward(self, x):
                return self.last(self.first(x))

    Until it is built, a block is a recipe: it has no weights, can be edited freely and cannot be
    called. `build` makes the torch modules in place; the block is then an ordinary `nn.Module`,
    and edits raise `BuiltError`. `new` returns an independent unbuilt copy of the recipe at any
    time. A constructor should not modify its arguments, because `configure` runs it again.
    """

    _arguments: tuple[tuple[Any, ...], dict[str, Any]]
    _changed: dict[str, Any]
    _edits: list[Edit]
    _initializers: list[Callable[[nn.Module], object]]
    _made: list[Made]
    _logged: list[tuple[nn.Module, str]]
    _built: bool
    _path: str
    logs: Logs

    def __new__(cls, *args: object, **kwargs: object) -> Self:
        check_names(cls, kwargs)
        self = super().__new__(cls)
        self.__dict__.update(
            _arguments=(args, kwargs),  # constructor arguments, to run it again
            _changed={},  # constructor arguments changed by `configure`
            _edits=[],
            _initializers=[],
            _made=[],
            _logged=[],
            _built=False,
            _path="",
            logs=Logs(),
        )
        return self

    # --- recipe -------------------------------------------------------------------------------

    def configure(self, *path: object, **kwargs: object) -> Self:
        """Change constructor arguments, or a child: `configure("blocks", 0, "activation", Tanh)`.

        `configure(name=value)` runs the constructor again with the changed arguments and then
        reapplies every edit made to its children since. The previous children leave the block.
        `configure(child, ...)` configures the child: a name, an index, a slice or a list of these.

        Raises:
            ConfigurationError: there is no such argument (the message suggests the likely
                spelling), or an edit of a child no longer applies. The block is left unchanged.
            SelectionError: there is no such child.
            BuiltError: the block is built.
        """
        self._refuse_if_built("configure")
        if path:
            select(self, (path[0],)).configure(*path[1:], **kwargs)
        elif kwargs:
            self.__dict__ = reconstruct(self, kwargs)
        return self

    def initialize(self, initializer: Callable[[nn.Module], object]) -> Self:
        """Fill the weights of this part with `initializer` when it is built.

        This affects only modules made by `build`; modules passed in with weights keep them. A
        part's initializer overrides that of the whole. If the block is already built, all of its
        weights are filled immediately.
        """
        self._initializers.append(as_initializer(initializer))
        self._edits.append(Edit("initialize", (initializer,), {}))
        if self._built:
            run_initializer(initializer, self.modules(), type(self).__name__)
        return self

    def new(self) -> Self:
        """Return an independent unbuilt copy of the recipe, including edits; works when built too.

        Building the copy makes its own modules. Children that were passed in already built, and
        plain modules, are copied with their weights. Data sets and loaders are shared.
        """
        memo = keep_shared(self, {})
        for made in all_made(self):
            if made.module is not None and made.module is not made.part:
                memo[id(made.module)] = copy.deepcopy(made.part, memo)  # the recipe, not weights
        twin = copy.deepcopy(self, memo)
        unmake(twin)
        return twin

    @property
    def built(self) -> bool:
        """True once the torch modules are made; until then the block is a recipe."""
        return self._built

    def create(self) -> Self:
        """Return a built copy, `new().build()`: always a new object; this recipe is unchanged."""
        return self.new().build()

    def build(self) -> Self:
        """Make the torch modules in place, in the order of definition, and return the block.

        Draws exactly the random numbers that the same torch constructors draw in this order.
        Children that are already built, and plain modules, are left unchanged. If a part cannot
        be made, nothing changes.

        Raises:
            BuiltError: the block is built.
        """
        self._refuse_if_built("build")
        build_in_place(self)
        return self

    # --- use ----------------------------------------------------------------------------------

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not self._built:
            raise UnbuiltError(_unbuilt_message(self))
        try:
            return super().__call__(*args, **kwargs)
        except (RuntimeError, ValueError) as error:
            located = locate(self, error)
            if located is None or located is error:
                raise
            raise located from error

    def predict(
        self,
        x: Arrays,
        *more: Arrays,
        batch_size: int = 32,
        device: torch.device | str | None = None,
    ) -> Any:
        """The outputs for all of `x` (N, ...), batch by batch, in eval mode and without gradients.

        `more` holds further inputs of the same length N, batched together with `x`. Inputs are
        arrays or tensors; floating-point arrays are cast to the dtype of the weights. The outputs
        are on the device of `x` (the CPU for arrays) and keep their own dtype. Modes and device
        are restored afterwards. Cost: one forward pass.
        """
        return predict(self, (x, *more), batch_size, device)

    def __getitem__(self, key: object) -> Any:
        """Select parts by name, index, slice, and `...` for any depth, before or after build.

        `block["blocks", :-1, "activation"]`, `block[..., "layer|pool"]`, `block["a, b"]`,
        `block[..., "activation#:-1"]`. A key that matches nothing raises `SelectionError`.
        """
        return select(self, key if isinstance(key, tuple) else (key,))

    def __setattr__(self, name: str, value: Any) -> None:
        is_child = isinstance(value, nn.Module) or name in self.__dict__.get("_modules", ())
        if is_child and self._built and isinstance(value, Block) and not value._built:
            self._refuse_if_built(f"set {name!r} of")
        super().__setattr__(name, value)
        if is_child and not self._built:
            self._edits.append(Edit("__setattr__", (name, value), {}))

    def __repr__(self) -> str:
        return tree(self)

    def _make(self, path: str) -> nn.Module | None:
        """Return the module that replaces this part when built: itself, or a `Layer`'s module."""
        return self

    def _log_output(self, path: str, name: str) -> None:
        """Store the output of the part at `path` in `logs[name]`; see `Selection.log_output`."""
        part = self.get_submodule(path)
        self._logged.append((part, name))
        self._edits.append(Edit("_log_output", (path, name), {}))
        if self._built:
            log_output(self.logs, name, part)

    def _refuse_if_built(self, action: str) -> None:
        if self._built:
            where = f"{self._path!r} ({type(self).__name__})" if self._path else type(self).__name__
            raise BuiltError(
                f"Cannot {action} {where}: it is built. Make an unbuilt copy with .new() first."
            )


def _unbuilt_message(block: Block) -> str:
    parts = [path for path, _ in unbuilt_below(block)]
    unbuilt = f" (unbuilt: {', '.join([*parts[:5], *['...'] * (len(parts) > 5)])})" if parts else ""
    return f"{type(block).__name__} is not built{unbuilt}: call .build() or .create() first."


DeeplayModule = Block
"""Alias of `Block` under which courses subclass it."""
