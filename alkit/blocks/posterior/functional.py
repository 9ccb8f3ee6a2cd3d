"""Dropout that is called as a function, which no posterior sample could switch on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from alkit.errors import ConfigurationError

_FUNCTIONS = {
    F.dropout,
    F.dropout1d,
    F.dropout2d,
    F.dropout3d,
    F.alpha_dropout,
    F.feature_alpha_dropout,
    torch.dropout,
    torch.alpha_dropout,
    torch.feature_dropout,
    torch.feature_alpha_dropout,
}
_OWN = (str(Path(torch.__file__).parent), str(Path(__file__).parents[2]))


class _Refused(TorchFunctionMode):
    """Mode in which a dropout function that is off in eval mode raises, outside of layers."""

    def __init__(self) -> None:
        super().__init__()
        self.within = 0  # number of dropout layers around the present call

    def __torch_function__(
        self, func: Callable[..., Any], types: object, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in _FUNCTIONS and not self.within:
            given = dict(zip(("input", "p", "training"), args, strict=False)) | kwargs
            p, training = given.get("p", 0.5), given.get("training", given.get("train", True))
            if p > 0 and not training:
                raise ConfigurationError(
                    f"MCDropout cannot sample F.{func.__name__}(p={p:g}){_caller()}: a dropout "
                    "called as a function would stay off beside the layers. Make it a layer, "
                    "self.dropout = nn.Dropout(p), and call that."
                )
        return func(*args, **kwargs)


@contextmanager
def functions_refused(layers: Iterable[nn.Module]) -> Iterator[None]:
    """Raise if a model calls a dropout as a function, other than within its dropout layers.

    Args:
        layers: the dropout layers of the model.

    Raises:
        ConfigurationError: it does; the message has the line.
    """
    mode = _Refused()

    def enter(*_: object) -> None:
        mode.within += 1

    def leave(*_: object) -> None:
        mode.within -= 1

    handles = []
    for layer in layers:
        handles += [layer.register_forward_pre_hook(enter), layer.register_forward_hook(leave)]
    try:
        with mode:
            yield
    finally:
        for handle in handles:
            handle.remove()


def _caller() -> str:
    """Place of the nearest line outside of torch and alkit."""
    frame = sys._getframe()
    while frame is not None and frame.f_code.co_filename.startswith(_OWN):
        frame = frame.f_back
    if frame is None:
        return ""
    return f" in {Path(frame.f_code.co_filename).name}, line {frame.f_lineno}"


def left_off(network: nn.Module) -> list[str]:
    """Paths of the layers with a dropout inside that is off in eval mode: recurrent, attention."""
    kinds = (nn.RNNBase, nn.MultiheadAttention)
    parts = ((path, part) for path, part in network.named_modules() if isinstance(part, kinds))
    return [path or type(network).__name__ for path, part in parts if part.dropout > 0]
