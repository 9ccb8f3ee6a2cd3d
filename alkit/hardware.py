"""Free memory and matrix precision of a device."""

from __future__ import annotations

from functools import cache

import psutil
import torch

from alkit.errors import NotEnoughMemoryError

REDUCED = {"tf32": 2.0**-9, "high": 2.0**-9, "bf16": 2.0**-6, "medium": 2.0**-6}


def free_memory(device: torch.device) -> int:
    """Number of bytes that are free on a device."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
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


def reduced_rounding(device: torch.device) -> float:
    """Rounding error of float32 products if a user lets torch round factors (TF32, bfloat16)."""
    return REDUCED.get(matmul_precision(device), 0.0)
