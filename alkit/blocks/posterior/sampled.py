"""Tensors that depend on a dropout: one tensor for each of K samples, in one forward pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import torch
from torch import Tensor

from alkit.blocks.posterior.thinned import VIEWS, Held, Values, followed

_TORCH = (None, "torch", "torch._C._nn", "torch.nn.functional")
_DROPOUTS = ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout")
_DROPOUTS += ("feature_alpha_dropout",)
_METADATA = {
    getattr(Tensor, name).__get__
    for name in ("shape", "ndim", "dtype", "device", "layout", "is_cuda", "requires_grad")
} | {Tensor.size, Tensor.dim, Tensor.numel, Tensor.nelement, Tensor.__len__}
_METADATA |= {Tensor.is_floating_point, torch.is_floating_point, Tensor.is_complex, torch.numel}
_WRITES = {"__setitem__", "__iadd__", "__isub__", "__imul__", "__itruediv__", "__ipow__"}


class NotUnderstood(Exception):
    """An operation undefined for K samples at once; the network then runs pass by pass."""


class Sampled(Tensor):
    """A tensor (N, ...) inside a network that stands for K tensors, one for each sample.

    Every function of it is called once for each sample; functions of plain tensors are computed
    once, as usual. One forward pass is thus K passes, of which only the part after the first
    dropout is repeated. Operations that need a single tensor (a branch on its values, numpy,
    in-place changes of tensors that it does not own) raise ``NotUnderstood``.
    """

    held: Held
    aliased: bool

    @staticmethod
    def __new__(cls, held: Held) -> Sampled:
        self = Tensor._make_wrapper_subclass(cls, held.shape, dtype=held.dtype, device=held.device)
        self.held = held
        self.aliased = False  # whether other tensors may share its memory
        return self

    @classmethod
    def __torch_function__(
        cls,
        func: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> object:
        with torch._C.DisableTorchFunctionSubclass():
            return _call(func, args, kwargs or {})

    @classmethod
    def __torch_dispatch__(
        cls,
        func: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> NoReturn:
        raise NotUnderstood(f"{func} reached a tensor that stands for several.")

    def __repr__(self, *, tensor_contents: object = None) -> str:
        with torch._C.DisableTorchFunctionSubclass():
            return f"Sampled({tuple(self.shape)}, {type(self.held).__name__})"


def mean_of_samples(captured: list[Tensor], rows: int) -> Tensor:
    """Mean over samples of a layer's output for a batch within an ``MCDropout``, ``(rows, D)``.

    Args:
        captured: outputs ``(n, D)`` of all calls of the layer for the batch, in chunks of rows or
            pass by pass. Rows that do not fill a pass belong to an abandoned one and come first.
        rows: number of rows of the batch.
    """
    if len(captured) == 1 and not isinstance(captured[0], Sampled):
        return captured[0]
    means = [
        torch.stack(x.held.values()).mean(0) if isinstance(x, Sampled) else x for x in captured
    ]
    whole = torch.cat(means)
    passes = len(whole) // rows
    return whole[len(whole) - passes * rows :].unflatten(0, (passes, rows)).mean(0)


def _call(func: Callable[..., Any], args: tuple, kwargs: dict[str, Any]) -> object:
    if func in _METADATA:
        return func(*args, **kwargs)
    name = getattr(func, "__name__", "")
    known = getattr(func, "__module__", None) in _TORCH
    if known and name in _DROPOUTS and not kwargs.get("training", True):
        return args[0]
    first = args[0] if args and isinstance(args[0], Sampled) else None
    if kwargs.get("out") is not None:
        raise NotUnderstood(f"{name} writes into a tensor passed as out.")
    if kwargs.get("inplace") or name in _WRITES or (name[-1:] == "_" and name[-2:] != "__"):
        return _in_place(func, name, first, args, kwargs)
    alone = known and not any(isinstance(x, Sampled) for x in _tensors([args[1:], kwargs]))
    if first is not None and alone and not torch.is_autocast_enabled(first.device.type):
        held = followed(first.held, name, func, args[1:], kwargs)
        if held is not None:
            result = Sampled(held)
            if name in VIEWS:
                result.aliased = first.aliased = True
            return result
    return _each(func, args, kwargs)


def _in_place(
    func: Callable[..., Any], name: str, target: Sampled | None, args: tuple, kwargs: dict
) -> Sampled | None:
    """Compute the result separately and store it in the target."""
    if target is None or target.aliased:
        raise NotUnderstood(f"{name} changes in place a tensor that may share its memory.")
    if name == "relu_" or kwargs.get("inplace"):
        function = torch.relu if name == "relu_" else func
        kwargs = {**kwargs, "inplace": False} if "inplace" in kwargs else kwargs
        held = followed(target.held, name.rstrip("_"), function, args[1:], kwargs)
        if held is None:
            held = _each(function, args, kwargs).held
    else:
        copies = [value.clone() for value in target.held.values()]
        _each(func, (Sampled(Values(copies)), *args[1:]), kwargs)
        held = Values(copies)
    if (held.shape, held.dtype) != (target.held.shape, target.held.dtype):
        raise NotUnderstood(f"{name} changes the shape or dtype of a tensor in place.")
    target.held = held
    return None if name == "__setitem__" else target


def _each(func: Callable[..., Any], args: tuple, kwargs: dict[str, Any]) -> Any:
    """Call ``func`` once for each sample."""
    values: dict[int, list[Tensor]] = {}
    _find([args, kwargs], values)
    (samples,) = {len(tensors) for tensors in values.values()}
    inputs = [_kth([args, kwargs], values, k) for k in range(samples)]
    results = [func(*own, **named) for own, named in inputs]
    joined = _joined(results)
    if _storages(inputs[0]) & _storages(results[0]):
        for x in _tensors([joined, args, kwargs]):
            if isinstance(x, Sampled):
                x.aliased = True
    return joined


def _storages(value: object) -> set[int]:
    return {x.untyped_storage().data_ptr() for x in _tensors(value) if x.numel()}


def _joined(results: list[Any]) -> object:
    first = results[0]
    if isinstance(first, Tensor):
        if len({(r.shape, r.dtype) for r in results}) > 1:
            raise NotUnderstood("The shape of a tensor depends on the sample.")
        return Sampled(Values(results))
    if isinstance(first, tuple | list) and not isinstance(first, torch.Size):
        parts = [_joined(list(part)) for part in zip(*results, strict=True)]
        return type(first)(*parts) if hasattr(first, "_fields") else type(first)(parts)  # type: ignore
    plain = isinstance(first, bool | int | float | str | torch.Size | torch.dtype | torch.device)
    if first is None or (plain and all(result == first for result in results)):
        return first
    raise NotUnderstood("A value that is not a tensor depends on the sample.")


def _find(value: object, values: dict[int, list[Tensor]]) -> None:
    for x in _tensors(value):
        if isinstance(x, Sampled) and id(x) not in values:
            values[id(x)] = x.held.values()


def _tensors(value: object) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, slice):
        return _tensors([value.start, value.stop, value.step])
    if isinstance(value, dict):
        return [x for part in value.values() for x in _tensors(part)]
    if isinstance(value, list | tuple):
        return [x for part in value for x in _tensors(part)]
    return []


def _kth(value: Any, values: dict[int, list[Tensor]], k: int) -> Any:
    if isinstance(value, Sampled):
        return values[id(value)][k]
    if isinstance(value, slice):
        return slice(*(_kth(part, values, k) for part in (value.start, value.stop, value.step)))
    if isinstance(value, dict):
        return {key: _kth(part, values, k) for key, part in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_kth(part, values, k) for part in value)
    return value
