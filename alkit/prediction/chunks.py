"""Sizes of the chunks in which predictions are read."""

from __future__ import annotations

import torch
from torch import Tensor

CACHE = 2**19  # outputs per chunk and thread: 2 MB of float32
MEMORY = 2**26  # outputs per chunk on an accelerator: 256 MB of float32, and few launches


def rows_of_a_chunk(held: Tensor) -> int:
    """Number of rows whose temporaries fit in a processor's cache, at least one."""
    size = CACHE * torch.get_num_threads() if held.device.type == "cpu" else MEMORY
    return max(size // max(held[:1].numel(), 1), 1)
