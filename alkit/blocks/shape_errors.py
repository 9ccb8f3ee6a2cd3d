"""Locating a shape mismatch in a network: path of the part, expected shape, actual shape."""

from __future__ import annotations

import re
from types import TracebackType
from typing import cast

import torch
from torch import nn

from alkit.errors import ShapeError

_OF_SHAPE = re.compile(
    r"\b(shapes?|sizes?|dimensions?|channels?|elements|input \(got)\b|\dD ", re.I
)


def locate(root: nn.Module, error: BaseException) -> ShapeError | None:
    """The `ShapeError` for a failure inside `root`, or None if the error is not about shapes.

    It is read from the traceback, so a forward pass that succeeds costs nothing. An error already
    located by an inner block gets the longer path that starts at `root`.
    """
    if isinstance(error, ShapeError):
        part, reason = error.part, error.reason
        if part is None:
            return None
    else:
        if type(error) not in (RuntimeError, ValueError) or not _OF_SHAPE.search(str(error)):
            return None
        part, reason = _innermost_call(error.__traceback__), str(error).splitlines()[0]
        if part is None or (
            type(error) is ValueError and not type(part[0]).__module__.startswith("torch.")
        ):
            return None
        error = ShapeError()
        error.part, error.reason = part, reason
    module, shapes = cast("tuple[nn.Module, str]", part)
    path = next((name for name, inner in root.named_modules() if inner is module), "")
    takes = f" takes {_expected(module)}" if _expected(module) else ""
    detail = module.extra_repr()
    head = f"{path}: " if path else ""
    error.args = (f"{head}{type(module).__name__}({detail}){takes}, got {shapes}. {reason}",)
    return error


def _innermost_call(traceback: TracebackType | None) -> tuple[nn.Module, str] | None:
    found = None
    while traceback is not None:
        frame = traceback.tb_frame
        if frame.f_code is nn.Module._call_impl.__code__:
            inputs = [_shape(value) for value in frame.f_locals["args"]]
            found = frame.f_locals["self"], ", ".join(inputs)
        traceback = traceback.tb_next
    return found


def _shape(value: object) -> str:
    return str(tuple(value.shape)) if isinstance(value, torch.Tensor) else type(value).__name__


def _expected(module: nn.Module) -> str:
    if isinstance(module, nn.Linear):
        return f"(..., {module.in_features})"
    channels = getattr(module, "in_channels", None) or getattr(module, "num_features", None)
    return f"(N, {channels}, ...)" if isinstance(channels, int) else ""
