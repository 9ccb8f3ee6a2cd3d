"""Processes that a launcher started, while ``torch.distributed`` does not connect them yet.

``torchrun`` starts all processes at once, and their environment has ``RANK`` and ``WORLD_SIZE``.
Lightning starts the other processes at the first fit of the first one; these repeat the script from
the top, alone until their own first fit, with ``LOCAL_RANK`` and ``WORLD_SIZE``.
"""

from __future__ import annotations

import atexit
import os
from multiprocessing import parent_process

import torch
from torch import distributed

from alkit.errors import ConfigurationError, ProcessError

_TORCHRUN = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def by_torchrun() -> int:
    """Number of processes that ``torchrun`` started; 1 without it, and in a worker of a process."""
    known = all(name in os.environ for name in _TORCHRUN) and parent_process() is None
    return _number("WORLD_SIZE", 1) if known else 1


def place() -> int:
    """Number of this process according to its launcher, from 0."""
    if by_torchrun() > 1:
        return _number("RANK")
    if "RANK" in os.environ or _number("WORLD_SIZE", 1) == 1 or parent_process() is not None:
        return 0
    return _number("NODE_RANK") or _number("LOCAL_RANK")


def connect(purpose: str) -> None:
    """Connect the processes that ``torchrun`` started, if they are not connected yet.

    Args:
        purpose: what follows.

    Raises:
        ProcessError: this process, which Lightning started, is not connected.
    """
    if not distributed.is_available() or distributed.is_initialized():
        return
    if by_torchrun() > 1:
        on_gpus = torch.cuda.is_available() and distributed.is_nccl_available()
        distributed.init_process_group("cpu:gloo,cuda:nccl" if on_gpus else "gloo")
        atexit.register(_disconnect)
    elif place() > 0:
        raise ProcessError(
            f"{purpose} before the first fit, in a process that Lightning started at that fit of "
            "process 0 to repeat the script: what process 0 has asked would be asked again. Start "
            f"the script by torchrun --nproc_per_node={_number('WORLD_SIZE')} instead."
        )


def check_alone(what: str) -> None:
    """Raise a ConfigurationError in one of several processes, for what belongs in one alone."""
    connected = distributed.is_available() and distributed.is_initialized()
    number = distributed.get_world_size() if connected else by_torchrun()
    if number > 1 or place() > 0:
        raise ConfigurationError(
            f"{what} is for one process: each of several would ask for the same labels and write "
            "the same files. Start the script without torchrun, and fit without devices=2."
        )


def _number(name: str, default: int = 0) -> int:
    value = os.environ.get(name, "")
    return int(value) if value.isdecimal() else default


def _disconnect() -> None:
    if distributed.is_initialized():
        distributed.destroy_process_group()
