"""Variables that the user's functions and classes read: what source text does not show."""

from __future__ import annotations

import dis
import functools
import inspect
import itertools
from collections.abc import Iterator, Mapping
from types import CodeType, FunctionType, MappingProxyType, ModuleType
from typing import Any

import numpy as np
from torch import Tensor

from alkit.strategies.sources import is_installed

PLAIN = (bool, int, float, str, type(None))  # what JSON knows
HOOKS = ("__init__", "__call__", "__getitem__")
MAKES = ("__init__", "__post_init__", "__setstate__", "__new__")
MUTATE = ("append", "extend", "update", "setdefault", "add", "insert", "pop", "clear", "remove")
MUTABLE = (list, dict, set, np.ndarray, Tensor)


def variables(function: FunctionType) -> dict[str, Any] | None:
    """Defaults, global constants and outer variables that a function of the user reads.

    Without those that it writes itself, as counters and logs. None if it is installed.
    """
    if is_installed(function):
        return None
    code = function.__code__
    found: dict[str, Any] = {"name": function.__qualname__}
    parameters = inspect.signature(function).parameters.values()
    found |= {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}
    found |= _globals(code, function.__globals__)
    cells = zip(code.co_freevars, function.__closure__ or (), strict=False)
    found |= {name: cell.cell_contents for name, cell in cells if _is_filled(cell)}
    left_out = written(code, found)
    return {name: value for name, value in found.items() if name not in left_out}


def _globals(code: CodeType, scope: Mapping[str, Any]) -> dict[str, Any]:
    """The global constants, functions and classes of the user that a code names."""
    names = dict.fromkeys(_names(code))
    found = {name: scope[name] for name in names if name in scope and not name.startswith("__")}
    for module in [value for value in found.values() if isinstance(value, ModuleType)]:
        if not is_installed(module):
            there = vars(module)
            found |= {f"{module.__name__}.{name}": there[name] for name in names if name in there}
    return {name: value for name, value in found.items() if _is_constant(value)}


def _is_constant(value: Any) -> bool:
    if isinstance(value, FunctionType | type):
        return not is_installed(value)
    kinds = (*PLAIN, list, tuple, dict, set, frozenset, np.ndarray, Tensor, functools.partial)
    return isinstance(value, kinds)


def of_class(kind: type) -> dict[str, Any] | None:
    """The methods of a class of the user that use variables, and its plain attributes."""
    if is_installed(kind):
        return None
    found: dict[str, Any] = {"class": named(kind)}
    for base in reversed([base for base in kind.__mro__ if not is_installed(base)]):
        for name, value in vars(base).items():
            value = getattr(value, "__func__", value)  # function of a static or class method
            own = isinstance(value, FunctionType | functools.partial | list | tuple | dict)
            if (not name.startswith("__") and (own or isinstance(value, PLAIN))) or name in HOOKS:
                found[name] = value
    left_out = written_by(kind)
    return {name: value for name, value in found.items() if name not in left_out}


def written_by(kind: type) -> set[str]:
    """The attributes that the methods of a class of the user both read and write, as counters."""
    bases = [base for base in kind.__mro__ if not is_installed(base)]
    methods = [part for base in bases for name, part in vars(base).items() if name not in MAKES]
    functions = [part for part in methods if isinstance(part, FunctionType)]
    return {name for part in functions for name in written(part.__code__)}


def written(code: CodeType, values: Mapping[str, Any] = MappingProxyType({})) -> set[str]:
    """The names that a code writes to: ``n += 1``, ``log.append(x)``, ``seen[key] = x``.

    Args:
        code: the code, with the functions inside it.
        values: what the names stand for; of an item that is set, only its key is known to the code,
            so all dicts, lists and arrays among these count.
    """
    found: set[str] = set()
    steps = [step for step in dis.get_instructions(code) if step.opname != "CACHE"]
    loaded = {step.argval for step in steps if step.opname == "LOAD_ATTR"}
    for step, after in itertools.pairwise(steps):
        if step.opname == "STORE_GLOBAL" or (
            step.opname == "STORE_DEREF" and step.argval in code.co_freevars
        ):
            found.add(step.argval)
        if step.opname == "STORE_ATTR" and step.argval in loaded:
            found.add(step.argval)
        if step.opname.startswith("LOAD") and after.argval in MUTATE:
            found.add(str(step.argval))
        if step.opname == "STORE_SUBSCR":
            found |= {name for name, value in values.items() if isinstance(value, MUTABLE)}
    inner = [part for part in code.co_consts if isinstance(part, CodeType)]
    return found.union(*(written(part, values) for part in inner))


def named(part: Any) -> str:
    module = getattr(part, "__module__", None)
    name = getattr(part, "__qualname__", None) or getattr(part, "__name__", type(part).__name__)
    return f"{module}.{name}" if module and module != "builtins" else str(name)


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _is_filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False
