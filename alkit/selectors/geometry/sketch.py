"""Sketches of points: their coordinates along a few principal directions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Generator, Tensor

from alkit.selectors.geometry.lazy import filled
from alkit.selectors.geometry.points import Points

SKETCH = 32  # principal directions, used by all iterations but the last
DRAWN = 2048  # largest number of points from which the directions are computed
CACHE = 2**19  # values per block


def sketched(parts: Sequence[Points], width: int, generator: Generator) -> tuple[Tensor, Points]:
    """Mean ``(W,)``, and all points about it, on their principal directions if W is large."""
    sample = parts[0]
    number = min(len(sample), DRAWN, max(2**21 // width, 4 * SKETCH))
    if number < len(sample):
        rows = torch.randperm(len(sample), generator=generator)[:number]
        sample = sample[rows.to(sample.device)]
    rows = torch.cat([block for _, block in blocks([sample], width)])
    mean = rows.mean(0)
    axes = None
    if width > 2 * SKETCH:  # Halko, Martinsson & Tropp 2011, Algorithm 4.4
        rows -= mean
        start = torch.randn(number, SKETCH, generator=generator, dtype=torch.float32)
        axes = torch.linalg.qr(rows.T @ start.to(rows)).Q
        axes = torch.linalg.qr(rows.T @ (rows @ axes)).Q
    moved = (
        block - mean if axes is None else (block - mean) @ axes for _, block in blocks(parts, width)
    )
    return mean, Points((filled(moved, sum(map(len, parts))),))


def blocks(parts: Sequence[Points], width: int) -> Iterator[tuple[slice, Tensor]]:
    """Rows of all parts as plain vectors, in blocks where ``width`` values per row fit a cache."""
    room = CACHE if parts[0].device.type == "cpu" else 64 * CACHE
    size = min(max(room // width, 64), 8192)
    offset = 0
    for part in parts:
        for start in range(0, len(part), size):
            factors = [factor[start : start + size] for factor in part.factors]
            block = factors[0]
            for factor in factors[1:]:
                block = (block[:, :, None] * factor[:, None, :]).flatten(1)
            yield slice(offset + start, offset + start + len(block)), block
        offset += len(part)
