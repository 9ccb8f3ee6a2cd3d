"""What would not fit into memory is said before it is begun."""

from __future__ import annotations

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
