"""Source text of the user's functions and classes that a strategy is made of."""

from __future__ import annotations

import ast
import functools
import hashlib
import inspect
import io
import sys
import sysconfig
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

INSTALLED = (
    *(Path(sysconfig.get_path(kind)) for kind in ("stdlib", "purelib", "platlib")),
    Path(__file__).parents[1],
)


def sources(parts: Iterable[object]) -> dict[str, str]:
    """Short hash of the source of each function and class of the user among some parts, by name.

    Functions and classes that these use, and the functions that an instance holds, count as well.
    Left out: whatever is installed, and what has no source, as in an interactive session. Comments
    and blank lines do not count; of a lambda, only itself does.
    """
    found: dict[str, set[str]] = {}
    seen: set[int] = set()
    waiting = list(parts)
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, FunctionType | type):
            if (text := _text(part)) is None:
                continue
            digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
            found.setdefault(part.__qualname__, set()).add(digest)
        waiting += _used(part)
    return {name: f"#{' '.join(sorted(found[name]))}" for name in sorted(found)}


@functools.lru_cache(maxsize=4096)
def is_installed(part: FunctionType | type | ModuleType) -> bool:
    """True for a function, class or module of Python, of an installed package or of alkit."""
    if isinstance(part, FunctionType):
        file = part.__code__.co_filename
    else:
        name = part.__module__ if isinstance(part, type) else part.__name__
        file = getattr(sys.modules.get(name), "__file__", None)
        if file is None:
            return name in sys.builtin_module_names
    return any(Path(file).is_relative_to(place) for place in INSTALLED)


def _used(part: Any) -> Iterator[object]:
    """The functions and classes that a function, class or instance uses."""
    if isinstance(part, functools.partial):
        yield from (part.func, *part.args, *part.keywords.values())
    elif isinstance(part, MethodType):
        yield from (part.__func__, part.__self__)
    elif isinstance(part, FunctionType):
        part = inspect.unwrap(part)
        names = set(_names(part.__code__))
        values = [part.__globals__[name] for name in names if name in part.__globals__]
        values += [cell.cell_contents for cell in part.__closure__ or () if _filled(cell)]
        yield from filter(_relevant, values)
    elif isinstance(part, type):
        yield from (*part.__bases__, *filter(_relevant, vars(part).values()))
    else:
        yield type(part)
        yield from filter(_relevant, getattr(part, "__dict__", {}).values())


def _relevant(value: object) -> bool:
    return isinstance(value, FunctionType | MethodType | functools.partial | type) or (
        hasattr(value, "__dict__") and callable(value)
    )


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


def _text(part: Any) -> str | None:
    """Source of a function or class of the user without comments; None if there is none."""
    try:
        file = Path(inspect.getsourcefile(inspect.unwrap(part)) or "")
        if any(file.is_relative_to(place) for place in INSTALLED):
            return None
        lines = inspect.getsourcelines(part)[0]
    except (OSError, TypeError, ValueError):
        return None
    if getattr(part, "__name__", "") == "<lambda>":
        return _lambdas(part) or _plain("".join(lines))
    return _plain("".join(lines))


def _lambdas(function: FunctionType) -> str:
    """The lambdas that begin on the line of this one, without the rest of their lines."""
    text = "".join(inspect.findsource(function)[0])
    try:
        nodes = ast.walk(ast.parse(text))
    except SyntaxError:  # a notebook cell with its own commands
        return ""
    line = function.__code__.co_firstlineno
    found = [node for node in nodes if isinstance(node, ast.Lambda) and node.lineno == line]
    return " ".join(_plain(ast.get_source_segment(text, node) or "") for node in found)


def _plain(text: str) -> str:
    """Lines without comments, indentation of the whole, and blank lines."""
    lines = inspect.cleandoc("\n" + text).splitlines()
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO("\n".join(lines)).readline))
    except (tokenize.TokenError, SyntaxError):
        tokens = []
    for token in tokens:
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    return "\n".join(line.rstrip() for line in lines if line.strip())
