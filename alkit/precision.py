"""How exactly torch multiplies matrices, and how fast."""

from __future__ import annotations

from functools import cache

import torch


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
