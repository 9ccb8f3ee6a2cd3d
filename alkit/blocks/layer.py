"""Layer: the recipe for one torch module."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Self, TypeAlias, TypeVar

from torch import nn

from alkit.blocks.block import Block, Edit
from alkit.errors import ArgumentError, ConfigurationError, close, likely

LayerLike: TypeAlias = Callable[..., nn.Module] | nn.Module | None
C = TypeVar("C")
# Courses write Layer(nn.Flatten, output_size=1) after a pool of that size, which changes nothing:
# dropped with a warning. Any other unknown argument is an error.
DROPPED = {(nn.Flatten, "output_size")}


class Layer(Block):
    """The recipe for one torch module: its class and its constructor arguments.

    `Layer(nn.Conv2d, 1, 64, kernel_size=3)`. Any callable that returns a module works. Building
    the surrounding block replaces the layer with the module. `Layer(None)` is an empty slot: it
    builds nothing, and `configure` fills it.

    Raises:
        ConfigurationError: the class has no such argument, or too many are given; the message has
            the likely name. ``build`` raises it if the class refuses its arguments.
    """

    def __init__(
        self, classtype: Callable[..., nn.Module] | None, *args: object, **kwargs: object
    ) -> None:
        super().__init__()
        self.classtype = _checked(classtype)
        self.args, self.kwargs = _named(classtype, args, kwargs)
        self._spare: dict[str, Any] = {}  # used if the class has an argument of that name

    @property
    def is_empty(self) -> bool:
        """True for a slot that has not been filled."""
        return self.classtype is None

    def configure(self, *args: Any, **kwargs: Any) -> Self:
        """Change the class, `configure(Class, ...)`, or its arguments, `configure(name=value)`.

        Arguments that the new class also accepts are kept. The others are stored and restored if
        the class is changed back.
        """
        self._refuse_if_built("configure")
        if args:
            classtype = _checked(args[0])
            positional, named = _named(classtype, args[1:], kwargs)
            self._spare |= self.kwargs
            self.classtype, self.args, self.kwargs = classtype, positional, named
        else:
            _check_known(self.classtype, kwargs)
            self.kwargs = self.kwargs | kwargs
        self._edits.append(Edit("configure", args, kwargs))
        return self

    def arguments(self) -> dict[str, Any]:
        """Keyword arguments with which the module will be made."""
        named, takes_all = _parameters(self.classtype)
        spare = {name: value for name, value in self._spare.items() if name in named}
        given = {n: v for n, v in self.kwargs.items() if n in named or takes_all}
        return spare | given

    def create(self) -> Any:
        """Make and return the module; the same as `build` for a layer."""
        return self.build()

    def build(self) -> Any:
        """Make and return the module; the layer itself stays a recipe.

        Draws exactly the random numbers that the class itself draws.
        """
        module = self._make("")
        if module is not None:
            for initializer in self._initializers:
                for inner in module.modules():
                    initializer(inner)
        return module

    def _make(self, path: str) -> nn.Module | None:
        if self.classtype is None:
            return None
        arguments = self.arguments()
        where = f"{path}: " if path else ""
        for name in self.kwargs.keys() - arguments.keys():  # those in DROPPED
            taker = _name(self.classtype)
            warnings.warn(f"{where}{taker} has no argument {name!r}: ignored.", stacklevel=2)
        try:
            module = self.classtype(*self.args, **arguments)
        except Exception as error:
            if type(error).__module__ != "builtins" or isinstance(error, MemoryError):
                error.add_note(f"while building {where}{self!r}")
                raise
            names = ", ".join(_parameters(self.classtype)[0])
            raise ArgumentError(
                f"{where}{self!r} cannot be built: {type(error).__name__}: {error}. Check its "
                f"arguments ({names}), for example with configure(name=value)."
            ) from error
        if not isinstance(module, nn.Module):
            raise ConfigurationError(
                f"{where}{self!r} must make an nn.Module, but made {type(module).__name__}."
            )
        if isinstance(module, Block) and not module._built:
            module.build()
        return module

    def __repr__(self) -> str:
        if self.classtype is None:
            return "Layer(None)"
        named = [f"{name}={value!r}" for name, value in self.arguments().items()]
        return f"Layer({', '.join([_name(self.classtype), *map(repr, self.args), *named])})"


def slot(**spare: object) -> Layer:
    """An empty slot; the class that fills it receives those of `spare` that it accepts."""
    layer = Layer(None)
    layer._spare = spare
    return layer


def as_layer(value: LayerLike) -> nn.Module:
    """A layer for a class, an empty slot for None; layers and modules are returned unchanged."""
    return value if isinstance(value, nn.Module) else Layer(value)


def copied(layer: Layer) -> Layer:
    """A copy of a template without its edits, which do not belong to the block it goes into."""
    copy = layer.new()
    copy._edits.clear()
    return copy


def _checked(classtype: C) -> C:
    if classtype is None or (callable(classtype) and not isinstance(classtype, nn.Module)):
        return classtype
    hint = " To replace a layer with a module, assign the module."
    if isinstance(classtype, str):
        classes = {name.lower(): name for name in dir(nn) if isinstance(getattr(nn, name), type)}
        hint = "".join(
            f" Did you mean nn.{classes[n]}?" for n in close(classtype.lower(), classes)[:1]
        )
    raise ConfigurationError(
        "A layer takes the class of a module (or a function that makes one), got "
        f"{classtype!r}.{hint}"
    )


def _named(
    classtype: Callable[..., Any] | None, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments, by name where possible."""
    name_of_class = _name(classtype)
    if classtype is None and (args or kwargs):
        raise ConfigurationError(f"An empty slot takes no arguments, got {[*args, *kwargs]}.")
    _check_known(classtype, [name for name in kwargs if (classtype, name) not in DROPPED])
    positional = _positional(classtype)
    if positional is None:
        return args, dict(kwargs)
    if len(args) > len(positional):
        raise ConfigurationError(
            f"{name_of_class} takes {len(positional)} arguments, {', '.join(positional)}; "
            f"got {len(args)}."
        )
    by_position = dict(zip(positional, args, strict=False))
    if twice := by_position.keys() & kwargs.keys():
        raise ConfigurationError(f"{name_of_class} got {sorted(twice)} twice.")
    return (), by_position | kwargs


def _check_known(classtype: Callable[..., Any] | None, given: Iterable[str]) -> None:
    """Raise if the class takes no argument of one of these names."""
    names, takes_all = _parameters(classtype)
    for name in given:
        if name not in names and not takes_all:
            raise ConfigurationError(
                f"{_name(classtype)} has no argument {name!r}{likely(name, names)}"
            )


@lru_cache(maxsize=512)
def _signature(classtype: Callable[..., object]) -> tuple[inspect.Parameter, ...] | None:
    try:
        return tuple(inspect.signature(classtype).parameters.values())
    except (TypeError, ValueError):
        return None


def _parameters(classtype: Callable[..., object] | None) -> tuple[tuple[str, ...], bool]:
    """(names accepted as keywords, whether any other keyword is accepted too)."""
    if classtype is None:
        return (), False
    parameters = _signature(classtype)
    if parameters is None:
        return (), True
    named = tuple(p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY))
    return named, any(p.kind is p.VAR_KEYWORD for p in parameters)


def _positional(classtype: Callable[..., object] | None) -> tuple[str, ...] | None:
    """Names of the positional arguments, or None if any of them has no name."""
    parameters = () if classtype is None else _signature(classtype)
    if parameters is None or any(
        p.kind in (p.VAR_POSITIONAL, p.POSITIONAL_ONLY) for p in parameters
    ):
        return None
    return tuple(p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD)


def _name(classtype: object) -> str:
    return "An empty slot" if classtype is None else getattr(classtype, "__name__", repr(classtype))
