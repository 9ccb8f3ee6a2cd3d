"""Processes of a distributed training: the first decides, and all others follow it.

With one process, every function here only checks ``torch.distributed``. The functions that exchange
something must be called in all processes, in the same order. They use a separate gloo group on the
CPU, which has no time limit, since people may be asked in between. A process that dies closes its
connections, which is an error in all others.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import Any, TypeVar

import numpy as np
from torch import distributed

from alkit.errors import ProcessError
from alkit.launched import place

T = TypeVar("T")
S = TypeVar("S", Sequence, np.ndarray)

_own: list[Any] = []  # the group of torch, and that of alkit within it


class _Helped(BaseException):
    """Signal that a process other than the first has done its part, and returns from ``led``."""


class _Led:
    failed = False  # the last meeting has raised an error in all processes


_led: ContextVar[_Led | None] = ContextVar("led", default=None)


def world() -> int:
    """Number of processes; 1 without a distributed training."""
    known = distributed.is_available() and distributed.is_initialized()
    return distributed.get_world_size() if known else 1


def rank() -> int:
    """Number of this process, from 0; until they are connected, according to their launcher."""
    return distributed.get_rank() if world() > 1 else place()


def share(parts: S) -> S:
    """Every ``world()``-th part from the ``rank()``-th, so that each part has one process."""
    return parts if world() == 1 else parts[rank() :: world()]  # type: ignore[return-value]


def share_of_batch(batch: S) -> S:
    """Share of a process in a batch; one sample if the share would be empty."""
    return share(batch) if rank() < len(batch) else batch[rank() % len(batch) :][:1]  # type: ignore


def weight_of_share(size: int) -> float:
    """Weight of the mean over a share, with which the mean of the processes is that of the batch.

    Args:
        size: number of samples in the batch.
    """
    if size >= world():
        return len(share(range(size))) * world() / size
    return world() / size / len(range(rank() % size, world(), size))  # these have the same sample


def exchanged(value: T, what: str) -> list[T]:
    """Values of all processes, by rank, in all of them. They are sent by pickle.

    Raises:
        ProcessError: another process is at another place of the program.
    """
    return _exchanged(value, what, None) if world() > 1 else [value]


def from_first(function: Callable[[], T], what: str) -> T:
    """Result of a function that only the first process calls; its error is raised in all."""
    if world() == 1:
        return function()
    return _spread(function, what) if rank() == 0 else _spread(None, what)


def led(function: Callable[[], T], what: str) -> T:
    """Result in the first process of a function that all call; the others help until ``helped``.

    Raises:
        ProcessError: another process is at another place of the program, or raised an error that
            cannot be pickled; other errors are raised in all processes.
    """
    if world() == 1:
        return function()
    with _leading() as state:
        return _spread(function, what, state)


def is_led() -> bool:
    """True within ``led`` of several processes."""
    return _led.get() is not None


def helped(
    function: Callable[[], T], what: str, kept: Callable[[T], T] = lambda part: part
) -> list[T]:
    """Results of a function that all processes call within ``led``, by rank, in the first one.

    The other processes return from ``led``.

    Args:
        function: the function.
        what: purpose, the same in all processes.
        kept: form in which the first process keeps a result until it has received all.
    """
    value: Any = None
    error = None
    try:
        value = function()
    except Exception as raised:
        error = raised
    _exchanged(None, what, error)
    if rank() > 0:
        distributed.send_object_list([value], dst=0, group=_group())
        raise _Helped
    # one at a time: they may be large
    return [value, *(kept(_received(source)) for source in range(1, world()))]


def _spread(function: Callable[[], Any] | None, what: str, state: _Led | None = None) -> Any:
    """Call a function, and return the result of the first process, pickled for the others."""
    value = content = error = None
    try:
        value = None if function is None else function()
        content = pickle.dumps(value) if rank() == 0 else None
    except _Helped:
        pass
    except Exception as raised:
        if state is not None and state.failed:
            raise
        error = raised
    _exchanged(None, what, error)
    sent = [content]
    distributed.broadcast_object_list(sent, group=_group())
    return value if rank() == 0 or sent[0] is None else pickle.loads(sent[0])


def _exchanged(value: Any, what: str, error: Exception | None) -> list[Any]:
    """Values of all processes, if all are at the same place and without an error."""
    told: list[Any] = [None] * world()
    mine = (what, None if error is None else _pickled(error), value)
    distributed.all_gather_object(told, mine, group=_group())
    failed = [(k, failure) for k, (_, failure, _) in enumerate(told) if failure is not None]
    met = not failed and len({where for where, _, _ in told}) == 1
    if (state := _led.get()) is not None:
        state.failed = not met
    if met:
        return [value for *_, value in told]
    if error is not None:
        raise error
    if failed:
        raise _unpickled(*failed[0])
    places = "; ".join(f"process {k}: {where}" for k, (where, *_) in enumerate(told))
    raise ProcessError(
        f"the processes of a distributed training are at different places of the program ({places})"
        ". Fit, query, annotate and reset in all of them alike."
    )


def _received(source: int) -> Any:
    sent: list[Any] = [None]
    distributed.recv_object_list(sent, src=source, group=_group())
    return sent[0]


@contextmanager
def _leading() -> Iterator[_Led]:
    state = _Led()
    token = _led.set(state)
    try:
        yield state
    finally:
        _led.reset(token)


def _group() -> Any:
    """A group of all processes on the CPU, made at the first use."""
    whole = distributed.group.WORLD
    if not _own or _own[0] is not whole:
        _own[:] = [whole, distributed.new_group(backend="gloo", timeout=timedelta(days=30))]
    return _own[1]


def _pickled(error: Exception) -> tuple[str, bytes]:
    text = f"{type(error).__name__}: {error}"
    try:
        content = pickle.dumps(error)
        pickle.loads(content)  # not every error can be made again from its arguments
    except Exception:
        return text, b""
    return text, content


def _unpickled(process: int, failure: tuple[str, bytes]) -> Exception:
    text, content = failure
    if content:
        return pickle.loads(content)
    return ProcessError(f"process {process} of a distributed training raised {text}")
