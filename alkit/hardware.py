"""Free memory and matrix precision of a device."""

from __future__ import annotations

import sys
from functools import cache

import psutil
import torch

from alkit.errors import NotEnoughMemoryError, SelectionWarning, warn

RATES = {"cpu": 2e10}  # multiply-adds per second, of one thread; 1e12 on other devices
LONG, MUCH = 60.0, 2**30  # seconds and bytes that are stated before they are spent
REDUCED = {"tf32": 2.0**-9, "high": 2.0**-9, "bf16": 2.0**-6, "medium": 2.0**-6}


def free_memory(device: torch.device) -> int:
    """Number of bytes that are free on a device, or kept by torch after what used them is gone."""
    if device.type == "cuda":
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + kept
    return psutil.virtual_memory().available


def check_memory(nbytes: int, device: torch.device | str, what: str, instead: str = "") -> None:
    """Raise a NotEnoughMemoryError if ``nbytes`` exceeds the free memory of the device.

    Args:
        nbytes: number of bytes about to be allocated.
        device: the device on which they are allocated.
        what: name of the method that needs the memory, for the message.
        instead: suggested alternative, for the message.
    """
    device = torch.device(device)
    free = free_memory(device)
    if nbytes > free:
        raise NotEnoughMemoryError(
            f"{what} needs {nbytes / 1e9:.1f} GB, but only {free / 1e9:.1f} GB are free on "
            f"{device}. Nothing was started. {instead}".rstrip()
        )


def check_cost(nbytes: int, products: float, device: torch.device, what: str, instead: str) -> None:
    """Check the memory of a method that does not work block by block, and state what it costs.

    Args:
        nbytes: number of bytes about to be allocated.
        products: number of multiply-adds.
        device: the device.
        what: name of the method.
        instead: suggested alternative.

    Raises:
        NotEnoughMemoryError: the memory is not available; the message states the time as well.

    Warns:
        SelectionWarning: the method takes more than about a minute, or more than 1 GiB.
    """
    threads = torch.get_num_threads() if device.type == "cpu" else 1
    seconds = products / (RATES.get(device.type, 1e12) * threads)
    time = f"{seconds:,.0f} seconds" if seconds < 600 else f"{seconds / 3600:,.1f} hours"
    check_memory(nbytes, device, f"{what} takes about {time}, and", instead)
    if seconds > LONG or nbytes > MUCH:
        warn(
            f"{what} takes about {time} and {nbytes / 1e9:,.1f} GB on {device}. {instead}",
            SelectionWarning,
        )


def matmul_precision(device: torch.device) -> str:
    """Precision to which torch may round factors: ``"tf32"``, ``"bf16"``, ``"highest"``, ...

    The setting of the backend comes first: when it is set, the older setting must not be read.
    """
    kind = torch.backends.cuda if device.type == "cuda" else torch.backends.mkldnn
    setting = getattr(getattr(kind, "matmul", None), "fp32_precision", None)
    return setting or torch.get_float32_matmul_precision()


@cache
def multiplies_bfloat16(device: torch.device) -> bool:
    """Return whether bfloat16 products summed in float32 take about half the time of float32.

    This is the case on CPUs with instructions for them, provided that torch can detect these.
    """
    if device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return False
    able = getattr(torch.cpu, "get_capabilities", dict)()  # missing in older torch
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


@cache
def numpy_has_fast_log2() -> bool:
    """Return whether ``numpy.log2`` of float32 is vectorized: on Linux, with AVX-512."""
    return sys.platform == "linux" and torch.backends.cpu.get_cpu_capability() == "AVX512"


def reduced_rounding(device: torch.device) -> float:
    """Rounding error of float32 products if a user lets torch round factors (TF32, bfloat16)."""
    return REDUCED.get(matmul_precision(device), 0.0)
