"""Description of any value, to notice that a variable of the user has another one."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Mapping, Set
from enum import Enum
from hashlib import blake2b
from pathlib import Path, PurePath
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import lightning as L
import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset
from torchmetrics import Metric

from alkit.blocks import Block
from alkit.features import weights
from alkit.features.given import digest, rows_of
from alkit.features.saved import content
from alkit.pool import ActiveLearningDataset
from alkit.pool.fingerprint import fingerprint
from alkit.selectors import Fixed, Given
from alkit.strategies.sources import is_installed
from alkit.strategies.variables import PLAIN, named, of_class, variables, written_by

MOST = 2_000  # values that are looked at
DEPTH = 12
ENTRIES = 200  # entries of one list or dict that are looked at
LONG = 80  # characters of a text that is kept as it is
NUMBERS = 2**18  # values of an array that are hashed; of more, a checksum is computed
OF_SPACES = ("folder", "array", "path", "names")  # where features are kept, and what is checked
PLACE = ("n_jobs",)  # attributes that depend on the machine, not on the comparison
HPARAMS = ("_hparams", "_hparams_initial", "_hparams_name")
CHANGES = "changes by use"


def described(value: object) -> Any:
    """Plain values, texts and dicts of these, which differ for another value.

    Numbers and short texts stay as they are; long texts and arrays become short hashes. Of a
    function: its defaults, the variables around it, and the global ones of its module that its code
    names. Of an object: its class and its attributes. Of a dataset: a fingerprint of 16 inputs. Of
    networks: the class and plain attributes; of the encoder of a fixed space, its weights too.
    Source text is left to ``sources``.

    Cost: at most 2,000 values, to a depth of 12, each object once; a pass over arrays, and over the
    features of ``Given``.
    """
    return _Describer().of(value, 0)


def unchanged(before: Any, after: Any) -> Any:
    """A description without what the use in between has changed, as a counter does."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return {key: unchanged(value, after.get(key)) for key, value in before.items()}
    return before if before == after else CHANGES


class _Describer:
    def __init__(self) -> None:
        self._seen: dict[int, object] = {}  # keeps them alive, so that no id is used again
        self._left = MOST

    def of(self, value: Any, depth: int) -> Any:
        self._left -= 1
        if isinstance(value, Enum):
            return str(value)
        if isinstance(value, PLAIN) and type(value) in PLAIN:
            return _short(value)
        if isinstance(value, Tensor | np.ndarray | np.generic):
            return _array(value)
        if self._left < 0 or depth > DEPTH or id(value) in self._seen:
            return named(type(value))
        if not isinstance(value, list | tuple) or not all(type(part) in PLAIN for part in value):
            self._seen[id(value)] = value
        try:
            parts = self._parts(value)
        except Exception:  # an object of the user's that cannot be looked into
            parts = named(type(value))
        if isinstance(parts, Mapping):
            found = {name: self.of(part, depth + 1) for name, part in parts.items()}
            return {name: part for name, part in found.items() if part not in (None, {})}
        return parts

    def _parts(self, value: Any) -> Any:
        """The named values that a value consists of, or its text if it is not looked into."""
        if isinstance(value, functools.partial):
            arguments = {str(place): part for place, part in enumerate(value.args)}
            return {"function": value.func, **arguments, **value.keywords}
        if isinstance(value, MethodType):
            return {"function": value.__func__, "of": value.__self__}
        if isinstance(value, FunctionType):
            return variables(inspect.unwrap(value)) or named(value)
        if isinstance(value, type):
            return of_class(value) or named(value)
        if isinstance(value, ModuleType | BuiltinFunctionType):
            return named(value)
        if isinstance(value, Mapping):
            pairs = list(value.items())[:ENTRIES]
            return {**_length(value), **{_key(key): part for key, part in pairs}}
        if isinstance(value, list | tuple):
            return _sequence(value)
        if isinstance(value, Set):
            return _short(" ".join(sorted(_text(part) for part in value)))
        return self._object(value)

    def _object(self, value: Any) -> Any:
        if isinstance(value, ActiveLearningDataset | L.LightningModule | torch.device):
            return named(type(value))  # state and place of a trial
        if isinstance(value, Metric | nn.Module):
            return {"class": named(type(value)), **attributes(value)}
        if isinstance(value, Fixed):
            return {"class": named(type(value)), **_of_space(value)}
        if isinstance(value, PurePath):
            return _short(str(value))
        if isinstance(value, Dataset):
            return f"#{fingerprint(value)}" if hasattr(value, "__len__") else named(type(value))
        if hasattr(value, "__wrapped__"):  # as of functools.lru_cache
            return {"function": value.__wrapped__}
        slots = {name for kind in type(value).__mro__ for name in _slots(kind)}
        held = {name: getattr(value, name) for name in sorted(slots) if hasattr(value, name)}
        held |= getattr(value, "__dict__", {})
        if not held:
            return _short(_text(value))
        left_out = {*PLACE, *written_by(type(value))}
        names = sorted(name for name in map(str, held) if name not in left_out)
        return {"class": named(type(value)), **{name: held[name] for name in names}}


def attributes(part: nn.Module) -> dict[str, Any]:
    """The attributes of a module that are neither torch's, nor weights, nor modules."""
    known = _of_torch()
    plain = {name: value for name, value in vars(part).items() if not name.startswith("_")}
    own = {name: value for name, value in vars(part).items() if name not in known}
    if isinstance(part, Metric):
        own = {name: value for name, value in plain.items() if isinstance(value, PLAIN)}
    elif is_installed(type(part)):
        own = {name: value for name, value in own.items() if name in plain}
    if isinstance(part, L.LightningModule) and "_hparams" in vars(part):
        own |= {n: value for n, value in part.hparams.items() if n not in own}
    return {name: value for name, value in own.items() if not isinstance(value, nn.Module | Tensor)}


def _of_space(space: Fixed) -> dict[str, Any]:
    """All that determines the features of a space: rows and weights, wherever they are kept."""
    held = {name: value for name, value in vars(space).items() if name not in OF_SPACES}
    if isinstance(space, Given):
        return {**held, "rows": f"#{digest(rows_of(space))}"}
    encoder = held.get("encoder")
    if isinstance(encoder, Path):
        return {**held, "encoder": f"#{content(encoder)}"}
    if isinstance(encoder, nn.Module):
        return {**held, "weights": f"#{weights.fingerprint(encoder)}"}
    return held


@functools.cache
def _of_torch() -> frozenset[str]:
    """Attributes of every module of torch, Lightning and alkit."""
    return frozenset({*vars(L.LightningModule()), *vars(Block()), *HPARAMS})


def _sequence(values: list[Any] | tuple[Any, ...]) -> Any:
    if all(type(value) in PLAIN for value in values):
        return _short(repr(values) if len(values) < ENTRIES else f"#{short_hash(repr(values))}")
    there = {str(place): value for place, value in enumerate(values[:ENTRIES])}
    return {**_length(values), **there}


def _length(values: Any) -> dict[str, int]:
    return {"length": len(values)} if len(values) > ENTRIES else {}


def _array(values: Any) -> str:
    values = values.detach().cpu() if isinstance(values, Tensor) else values
    if isinstance(values, Tensor):
        if values.layout != torch.strided or values.is_quantized:
            return f"{values.dtype} {tuple(values.shape)}"
        values = values.float().numpy() if values.dtype == torch.bfloat16 else values.numpy()
    if values.dtype.hasobject:
        return _short(repr(values.tolist()[:ENTRIES])) if values.ndim else _text(values)
    if values.size <= 5:
        return f"{values.dtype} {values.tolist()}"
    if values.size > NUMBERS:
        return f"#{digest(values)}"
    return f"#{values.dtype} {values.shape} {short_hash(np.asarray(values).tobytes())}"


def _short(value: Any) -> Any:
    if isinstance(value, str) and len(value) > LONG and not value.startswith("#"):
        return f"#{short_hash(value)}"
    return value if not isinstance(value, float) or np.isfinite(value) else str(value)


def _text(value: object) -> str:
    try:
        return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))
    except Exception:  # a repr of the user's that fails
        return named(type(value))


def _key(key: object) -> str:
    return key if isinstance(key, str) else _text(key)


def _slots(kind: type) -> tuple[str, ...]:
    slots = vars(kind).get("__slots__", ())
    names = (slots,) if isinstance(slots, str) else tuple(slots)
    return tuple(name for name in names if name not in ("__dict__", "__weakref__"))


def short_hash(content: str | bytes) -> str:
    whole = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    return blake2b(whole, digest_size=6).hexdigest()
