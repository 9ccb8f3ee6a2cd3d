"""How exactly torch multiplies matrices of float32."""

from __future__ import annotations

import torch


def matmul_precision(device: torch.device) -> str:
    """What a user lets torch round the factors to: ``"tf32"``, ``"bf16"``, ``"highest"``, ...

    Torch's setting of the backend comes first: with it, the older one must not be asked for.
    """
    kind = torch.backends.cuda if device.type == "cuda" else torch.backends.mkldnn
    setting = getattr(getattr(kind, "matmul", None), "fp32_precision", None)
    return setting or torch.get_float32_matmul_precision()
