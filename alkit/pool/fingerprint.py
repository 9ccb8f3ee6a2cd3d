"""Fingerprint of a dataset, so that states and files of another dataset are noticed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alkit.pool.samples import Samples

ITEMS = 16
VALUES = 2**18  # per array; a larger one is hashed in part, evenly spread


def fingerprint(
    dataset: object, names: Sequence[str] | None = None, label_key: str | None = "label"
) -> str:
    """Short text that differs for another dataset: another length, other names or other inputs.

    With names, it covers all names, and no item is read. Otherwise it covers the inputs of 16
    items, evenly spread; labels are not looked at. Each of them is read twice, with torch's,
    NumPy's and Python's global generators at the same state, which is restored afterwards; random
    augmentation that draws from these thus has no effect. If an item still reads differently, or
    cannot be read, only the length is covered.

    Returns:
        The kind of what is covered (``names``, ``inputs`` or ``length``) and a number, as in
        ``"inputs:1f0c2d3e4a5b6c7d"``. Fingerprints of different kinds cannot be compared.

    Args:
        dataset: a map-style dataset, as of a pool.
        names: ``(N,)`` names of the samples.
        label_key: key of the label in dict items; None if they have none.
    """
    samples = Samples(dataset, cache=False, label_key=label_key)
    length = str(len(samples)).encode()
    if names is not None:
        return f"names:{_hash([length, *(_text(name) for name in names)])}"
    places = np.unique(np.linspace(0, len(samples) - 1, ITEMS).round().astype(int)).tolist()
    try:
        first, second = _inputs(samples, places), _inputs(samples, places)
    except Exception:  # an item that cannot be read must not cost the state of the pool
        first, second = "", "unreadable"
    return f"inputs:{_hash([length, first])}" if first == second else f"length:{_hash([length])}"


def content_of(samples: Samples, index: int) -> str | None:
    """Hash of one input, of 32 characters, read with the global generators at a fixed state.

    None if it holds an object of an unknown kind. Not for use in several threads at once.
    """
    with fixed_draws():
        parts = list(_parts(samples[index][0]))
    return None if any(isinstance(part, _Unknown) for part in parts) else _hash(parts, size=16)


def content_hash(values: Any) -> str:
    """Hash of plain values, texts, arrays and lists or dicts of these; large arrays in part."""
    return _hash(list(_parts(values)))


def _inputs(samples: Samples, places: list[int]) -> str:
    with fixed_draws():
        return _hash([part for index in places for part in _parts(samples[index][0])])


def content_of_some(read: Callable[[int], Any], ids: np.ndarray, seed: int = 0) -> str:
    """Hash of the inputs of 16 of some samples, evenly spread, with generators at a fixed state.

    Args:
        read: function from an index to an input; one that raises counts as empty.
        ids: indices of the samples.
        seed: state of the global generators, which is restored afterwards.
    """
    hashes = []
    with fixed_draws(seed):
        for place in np.unique(np.linspace(0, len(ids) - 1, ITEMS).round().astype(int)).tolist():
            try:
                hashes.append(_hash(list(_parts(read(ids.item(place))))))
            except Exception:  # a broken sample is an error once it is used
                hashes.append("")
    return _hash(hashes)


@contextmanager
def fixed_draws(seed: int = 0) -> Iterator[None]:
    """Global generators at a fixed state; on exit, they are as before."""
    before = random.getstate(), np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng(devices=[]):
        try:
            random.seed(seed)
            np.random.seed(seed)  # noqa: NPY002
            torch.default_generator.manual_seed(seed)
            yield
        finally:
            random.setstate(before[0])
            np.random.set_state(before[1])  # noqa: NPY002


class _Unknown(bytes):
    """Name of a type, in place of a content that cannot be told."""


def _parts(x: Any) -> Iterator[bytes]:
    """The content of an input, in pieces; of an object of an unknown kind, only its type."""
    if isinstance(x, Mapping):
        for key in sorted(x, key=str):
            yield _text(key)
            yield from _parts(x[key])
    elif isinstance(x, tuple | list):
        yield str(len(x)).encode()
        for part in x:
            yield from _parts(part)
    elif hasattr(x, "getbands") and hasattr(x, "tobytes"):  # a PIL image
        yield _text(x.mode, x.size)
        yield x.tobytes()
    elif isinstance(x, Tensor):
        flat = _few(x.detach().reshape(-1)).contiguous().cpu()
        yield _text(x.dtype, tuple(x.shape))
        yield flat.view(torch.uint8).numpy().tobytes()
    elif isinstance(x, np.ndarray) and not x.dtype.hasobject:
        yield _text(x.dtype.str, x.shape)
        yield _few(x.reshape(-1)).tobytes()
    elif isinstance(x, str | bytes | int | float | complex | np.generic | None):
        yield _text(x)
    else:
        yield _Unknown(type(x).__qualname__.encode())


def _few(flat: Any) -> Any:
    return flat[:: -(-len(flat) // VALUES)] if len(flat) > VALUES else flat


def _text(*values: object) -> bytes:
    return repr(values).encode("utf-8", "surrogateescape")


def _hash(parts: Sequence[str | bytes], size: int = 8) -> str:
    digest = blake2b(digest_size=size)
    for part in parts:
        piece = part.encode() if isinstance(part, str) else part
        digest.update(len(piece).to_bytes(8, "little"))  # so that no two lists are joined alike
        digest.update(piece)
    return digest.hexdigest()
