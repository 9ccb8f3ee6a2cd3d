"""Free memory and matrix precision of a device."""

from __future__ import annotations

from functools import cache

import psutil
import torch

from alkit.errors import NotEnoughMemoryError


def check_memory(nbytes: int, device: torch.device | str, what: str, instead: str = "") -> None:
    """Raise a NotEnoughMemoryError if ``nbytes`` are more than is free on the device.

    Args:
        nbytes: what is about to be allocated.
        device: where.
        what: for the message: what needs it.
        instead: for the message: what to do.
    """
    device = torch.device(device)
    if device.type == "cuda":
        free = torch.cuda.mem_get_info(device)[0]
    else:
        free = psutil.virtual_memory().available
    if nbytes > free:
        raise NotEnoughMemoryError(
            f"{what} needs {nbytes / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free on {device}. "
            f"Nothing was begun. {instead}".rstrip()
        )


def matmul_precision(device: torch.device) -> str:
    """What a user lets torch round the factors to: ``"tf32"``, ``"bf16"``, ``"highest"``, ...

    Torch's setting of the backend comes first: with it, the older one must not be asked for.
    """
    kind = torch.backends.cuda if device.type == "cuda" else torch.backends.mkldnn
    setting = getattr(getattr(kind, "matmul", None), "fp32_precision", None)
    return setting or torch.get_float32_matmul_precision()


@cache
def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether products of bfloat16, summed in float32, take about half the time of float32's.

    So on CPUs with instructions for them, where torch can tell.
    """
    if device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return False
    able = getattr(torch.cpu, "get_capabilities", dict)()  # older versions of torch cannot
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))
