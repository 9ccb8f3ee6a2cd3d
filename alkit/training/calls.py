"""Calls of a model with what a batch holds: one tensor, several inputs, or a dict of them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from alkit.errors import ConfigurationError

_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_BY_PLACE = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.POSITIONAL_ONLY)


def called(module: nn.Module, x: Any) -> Any:
    """Output of a module for the input ``x`` of a batch.

    A dict goes to ``forward`` by the names of its parameters, other keys are left out unless it
    has ``**kwargs``; a tuple goes to it in order, and so does a list of as many inputs as it
    requires (a collated tuple is a list). A ``forward`` with one parameter gets the dict, tuple
    or list as a whole, unless the dict has only that parameter. Anything else is one argument.

    Raises:
        ConfigurationError: ``forward`` has other parameters.
    """
    if isinstance(x, Tensor):
        return module(x)
    if isinstance(x, Mapping):
        named = None if _has_one(module) and len(x) > 1 else by_name(module, x)
        if named is not None:
            return module(**named)
    elif (type(x) is tuple and binds(module, *x)) or (
        type(x) in (tuple, list) and len(x) == len(required(module)) > 1
    ):
        return module(*x)
    if not binds(module, x):
        raise ConfigurationError(
            f"forward{_parameters(module)} of {type(module).__name__} cannot be called with "
            f"{_listed(x)}. Let inputs= of the strategy return a tuple of its arguments in "
            "their order, or a dict of them by name."
        )
    return module(x)


def by_name(module: nn.Module, batch: Mapping[Any, Any]) -> dict[str, Any] | None:
    """The arguments of ``forward`` among the keys of a batch; None if they are not all there."""
    parameters = _parameters(module).parameters.values()
    named = [p.name for p in parameters if p.kind in _BY_NAME]
    rest = any(p.kind is p.VAR_KEYWORD for p in parameters)
    if not required(module) <= set(batch) or not (set(named) & set(batch) or (rest and not named)):
        return None
    return {str(key): value for key, value in batch.items() if rest or key in named}


def required(module: nn.Module) -> set[str]:
    """Names of the parameters of ``forward`` without a default."""
    parameters = _parameters(module).parameters.values()
    return {
        p.name for p in parameters if p.kind in (*_BY_NAME, *_BY_PLACE) and p.default is p.empty
    }


def binds(module: nn.Module, *args: object) -> bool:
    """Return whether ``forward`` takes these positional arguments and needs no others."""
    try:
        _parameters(module).bind(*args)
    except TypeError:
        return False
    return True


def _has_one(module: nn.Module) -> bool:
    return len(_parameters(module).parameters) == 1


def _parameters(module: nn.Module) -> inspect.Signature:
    """Signature of ``forward``; of a wrapper that passes everything on, that of what is inside."""
    signature = inspect.signature(module.forward)
    inner = getattr(module, "passes_to", None) or getattr(module, "_orig_mod", None)
    anything = all(
        p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in signature.parameters.values()
    )
    return _parameters(inner) if anything and isinstance(inner, nn.Module) else signature


def _listed(x: object) -> str:
    if isinstance(x, Mapping):
        return f"a dict of {', '.join(map(repr, x))}"
    if isinstance(x, tuple | list):
        return f"a {type(x).__name__} of {len(x)}"
    return "one argument"
