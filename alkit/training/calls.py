"""Calls of a model with what a batch holds: one tensor, several inputs, or a dict of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from alkit.errors import ConfigurationError

_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_REST = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def output_for(module: nn.Module, x: Any) -> Any:
    """Output of a module for the input ``x`` of a batch.

    A dict goes to ``forward`` by the names of its parameters, other keys are left out unless it
    has ``**kwargs``; a tuple goes to it in order, and so does a list of as many inputs as it
    requires (a collated tuple is a list). A ``forward`` with one parameter gets the dict, tuple
    or list as a whole, unless the dict has only that parameter. Anything else is one argument.

    Raises:
        ConfigurationError: ``forward`` has other parameters.
    """
    if isinstance(x, Mapping):
        whole = len(x) > 1 and _has_one(module)
        named = None if whole else by_name(module, x)
        if named is not None:
            return module(**named)
    elif type(x) in (tuple, list) and _in_order(module, x):
        return module(*x)
    try:
        return module(x)
    except TypeError as error:
        if _binds(module, x):
            raise
        raise ConfigurationError(
            f"forward{_signature(module)} of {type(module).__name__} cannot be called with "
            f"{_listed(x)}. Let inputs= of the strategy return a tuple of its arguments in their "
            "order, or a dict of them by name."
        ) from error


def by_name(module: nn.Module, batch: Mapping[Any, Any]) -> dict[str, Any] | None:
    """The arguments of ``forward`` among the keys of a batch; None if they are not all there."""
    parameters = _signature(module).parameters.values()
    named = {p.name for p in parameters if p.kind in _NAMED}
    rest = any(p.kind is p.VAR_KEYWORD for p in parameters)
    if not _required(module) <= set(batch) or not (named & set(batch) or (rest and not named)):
        return None
    return {key: value for key, value in batch.items() if rest or key in named}


def place_of(module: nn.Module, name: str) -> int | None:
    """Position of a parameter of ``forward``; None if it has none of this name."""
    names = [p.name for p in _signature(module).parameters.values() if p.kind in _NAMED]
    return names.index(name) if name in names else None


def read_by(read: Callable[..., Any], returned: object, x: object) -> Any:
    """Result of a function of what a model returned; one with two parameters gets the input."""
    return read(returned, x) if takes_input(read) else read(returned)


def takes_input(read: Callable[..., Any]) -> bool:
    """Return whether a function of what a model returned has a second parameter, the input."""
    try:
        parameters = inspect.signature(read).parameters.values()
    except (TypeError, ValueError):  # a function of C has none
        return False
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return len([p for p in parameters if p.kind in positional and p.default is p.empty]) == 2


def _has_one(module: nn.Module) -> bool:
    """Return whether ``forward`` has one parameter, and no ``*args`` or ``**kwargs``."""
    (kind, *more) = [p.kind for p in _signature(module).parameters.values()] or [None]
    return kind in _NAMED and not more


def _in_order(module: nn.Module, x: tuple[Any, ...] | list[Any]) -> bool:
    """Return whether the parts of ``x`` are the arguments of ``forward``."""
    return (isinstance(x, tuple) and _binds(module, *x)) or len(x) == len(_required(module)) > 1


def _required(module: nn.Module) -> set[str]:
    """Names of the parameters of ``forward`` without a default."""
    parameters = _signature(module).parameters.values()
    return {p.name for p in parameters if p.default is p.empty and p.kind not in _REST}


def _binds(module: nn.Module, *args: object) -> bool:
    """Return whether ``forward`` takes these positional arguments and needs no others."""
    try:
        _signature(module).bind(*args)
    except TypeError:
        return False
    return True


def _signature(module: nn.Module) -> inspect.Signature:
    """Signature of ``forward``; of a wrapper that passes everything on, that of what is inside."""
    schema = getattr(module.forward, "schema", None)
    if schema is not None:  # TorchScript
        return inspect.Signature([_parameter(each) for each in schema.arguments[1:]])
    signature = inspect.signature(module.forward)
    if any(p.kind not in _REST for p in signature.parameters.values()):
        return signature
    # torch.compile wraps a module as the blocks do
    inner = getattr(module, "passes_to", None) or getattr(module, "_orig_mod", None)
    return signature if inner is None else _signature(inner)


def _parameter(argument: Any) -> inspect.Parameter:
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    kind = inspect.Parameter.KEYWORD_ONLY if argument.kwarg_only else kind
    default = argument.default_value if argument.has_default_value() else inspect.Parameter.empty
    return inspect.Parameter(argument.name, kind, default=default)


def _listed(x: object) -> str:
    if isinstance(x, Mapping):
        return f"a dict of {', '.join(map(repr, x))}"
    if isinstance(x, tuple | list):
        return f"a {type(x).__name__} of {len(x)}"
    return "one argument"
