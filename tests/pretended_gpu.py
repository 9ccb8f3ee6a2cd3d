"""A pretended GPU: tensors that call their device "cuda:0" and are computed on the CPU.

What fails on a GPU fails here: an operation on tensors of two devices, ``.numpy()`` of a tensor on
the device, a generator of the other device. Values that the host reads are counted: each is a
wait for the device.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import is_dataclass
from functools import partial
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

GPU = torch.device("cuda", 0)
CPU = torch.device("cpu")
aten = torch.ops.aten
MOVES = {aten._to_copy.default, aten.copy_.default, aten._copy_from.default}
INDEXED = {aten.index.Tensor, aten.index_put.default, aten.index_put_.default}
INDEXED |= {aten._index_put_impl_.default, aten._unsafe_index.Tensor}
READS = {aten._local_scalar_dense.default, aten.nonzero.default, aten.equal.default}
READS |= {aten._unique2.default, aten.unique_dim.default, aten.bincount.default}


class OnGpu(Tensor):
    """A tensor on the pretended device, around one on the CPU."""

    inner: Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @staticmethod
    def __new__(cls, inner: Tensor) -> OnGpu:
        # torch itself believes that it is on "meta", whose guards need no driver
        layout = inner.size(), inner.stride(), inner.storage_offset()
        self = Tensor._make_wrapper_subclass(cls, *layout, dtype=inner.dtype, device="meta")  # type: ignore[attr-defined]
        self.inner = inner
        return self

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        return GPU

    @property
    def is_cuda(self) -> bool:  # type: ignore[override]
        return True

    @property
    def is_meta(self) -> bool:  # type: ignore[override]
        return False

    def tolist(self) -> Any:
        return self.cpu().tolist()

    def numpy(self, **_: Any) -> Any:
        raise TypeError(f"can't convert {GPU} device type tensor to numpy.")

    def __array__(self, *_: Any) -> Any:
        return self.numpy()

    def __matmul__(self, other: Tensor) -> Tensor:
        if self.ndim == 1:  # torch then squeezes a matrix in place, whose wrapper keeps its shape
            return (self * other).sum() if other.ndim == 1 else (self[None] @ other)[0]
        return super().__matmul__(other)

    def __getitem__(self, places: Any) -> Any:
        return super().__getitem__(without_lists(places))

    def __setitem__(self, places: Any, values: Any) -> None:
        super().__setitem__(without_lists(places), values)

    def __repr__(self, **_: Any) -> str:
        return f"OnGpu({self.inner})"

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return compute(func, args, kwargs or {})


def without_lists(places: Any) -> Any:
    """Places with tensors instead of lists, which torch would put on "meta", without numbers."""
    if isinstance(places, tuple):
        return tuple(map(without_lists, places))
    if not isinstance(places, list):
        return places
    return torch.tensor(places, dtype=None if places else torch.long)


class Gpu(TorchDispatchMode):
    """While entered, tensors can be made on the pretended device, and reads are counted."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        leaves = tree_leaves((args, kwargs))
        if any(isinstance(leaf, OnGpu) for leaf in leaves):
            asked = kwargs.get("device")
            if func in READS or (func in MOVES and asked is not None and asked.type == "cpu"):
                self.reads[str(func)] += 1
        return compute(func, args, kwargs)


def compute(func: Any, args: Any, kwargs: Any) -> Any:
    """Result of an operation, on the device of its tensors."""
    leaves = tree_leaves((args, kwargs))
    tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
    on_gpu = any(isinstance(tensor, OnGpu) for tensor in tensors)
    asked = kwargs.get("device")
    if asked is not None:
        target = CPU if torch.device(asked).type == "cpu" else GPU  # .to(tensor) asks for "meta"
        kwargs = kwargs | {"device": CPU}
    else:
        target = GPU if on_gpu else CPU
    if func is aten.copy_.default or func is aten._copy_from.default:
        target = GPU if isinstance(args[0], OnGpu) else CPU
    elif func not in MOVES and on_gpu:
        check(func, args, tensors)
    for leaf in leaves:
        if isinstance(leaf, torch.Generator) and leaf.device.type != target.type:
            raise RuntimeError(f"{func}: a generator on {leaf.device}, values on {target}")
    unwrap = lambda tree: tree_map_only(OnGpu, lambda each: each.inner, tree)  # noqa: E731
    found = func(*unwrap(args), **unwrap(kwargs))
    if target.type != "cuda" or (func in MOVES and not kwargs and not on_gpu):
        return found
    given = {id(leaf.inner): leaf for leaf in leaves if isinstance(leaf, OnGpu)}

    def wrapped(tensor: Tensor) -> Tensor:
        return given[id(tensor)] if id(tensor) in given else OnGpu(tensor)

    return tree_map_only(Tensor, wrapped, found)


def check(func: Any, args: Any, tensors: list[Tensor]) -> None:
    """Raise the RuntimeError of torch if tensors of two devices meet."""
    if func in INDEXED:
        if not isinstance(args[0], OnGpu):
            raise RuntimeError(f"{func}: a tensor on the CPU, indexed by one on {GPU}")
        tensors = [args[0], *(each for each in args[2:3] if isinstance(each, Tensor))]
    elsewhere = [tensor for tensor in tensors if not isinstance(tensor, OnGpu)]
    scalars = torch.Tag.pointwise in func.tags or func in INDEXED
    if any(each.ndim or not scalars for each in elsewhere):
        shapes = [(tuple(each.shape), str(each.device)) for each in tensors]
        raise RuntimeError(f"{func}: expected all tensors on one device, found {shapes}")


def on_gpu(value: Any) -> Any:
    """A copy of a tensor on the pretended device; of a dataclass, but for ids, with all it holds.

    Ids stay on the CPU, where the loaders of a strategy leave them.
    """
    if isinstance(value, Tensor):
        return OnGpu(value.detach().clone())
    if isinstance(value, torch.nn.Module):
        return deepcopy(value).to(GPU)
    if isinstance(value, dict):
        return {key: on_gpu(part) for key, part in value.items()}
    if not is_dataclass(value):
        return value
    moved = object.__new__(type(value))
    for name, part in vars(value).items():
        object.__setattr__(moved, name, part if name == "ids" else on_gpu(part))
    return moved


def made(make: Any, data: Any, *, device: Any = None, **options: Any) -> Tensor:
    """The tensor that torch makes of data, and then moved."""
    tensor = make(data, **options)
    return tensor if device is None else tensor.to(device)


@contextmanager
def pretended(free: int = 2**34, kept: int = 0) -> Iterator[Gpu]:
    """A GPU with this much memory that is free, and that torch keeps for later use."""
    with (
        mock.patch("torch.cuda._lazy_init"),
        mock.patch("torch.tensor", partial(made, torch.tensor)),
        mock.patch("torch.as_tensor", partial(made, torch.as_tensor)),
        mock.patch("torch.cuda.mem_get_info", return_value=(free, free)),
        mock.patch("torch.cuda.memory_reserved", return_value=kept),
        mock.patch("torch.cuda.memory_allocated", return_value=0),
        Gpu() as gpu,
    ):
        yield gpu
