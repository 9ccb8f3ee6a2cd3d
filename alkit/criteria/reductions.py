"""Fast and exact reductions over rows of probabilities, shared by several criteria."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from alkit.hardware import matmul_precision, numpy_has_fast_log2

BLOCK = 2**18  # numbers whose logarithms are computed at a time
FEW_COLUMNS = 32  # up to here, one operation per column is cheaper than a search for positions
GROUP = 32  # columns, of which one maximum is taken
TINY = torch.finfo(torch.float32).tiny
INTEGERS = {torch.float32: torch.int32, torch.float64: torch.int64}


def entropy(p: Tensor) -> Tensor:
    """``-sum p log p`` over the last axis, with 0 log 0 = 0, in nats.

    Zeros and subnormal numbers get the logarithm of the smallest normal number: no product changes
    by more than 1e-36, and this takes half the time of ``torch.special.entr``.
    """
    logs = p.log().clamp_min_(math.log(torch.finfo(p.dtype).tiny))
    return -logs.mul_(p).sum(-1)


def entropy_of_rows(p: Tensor) -> Tensor:
    """``entropy`` of rows ``(N, C)`` up to rounding, in a third of the time on many processors.

    Logarithms to base 2 are numpy's where these use AVX-512, with an error of at most two units in
    the last place. Those of torch take five times as long where its MKL does not use AVX-512.
    Blocks and their logarithms stay in the cache, and share one buffer.
    """
    if p.dtype != torch.float32 or p.device.type != "cpu" or not numpy_has_fast_log2():
        return entropy(p)
    size = max(BLOCK // p.shape[1], 1)
    if p.shape[0] <= size:  # a batch, where splitting would take longer than the logarithms
        return _times_log2(p, p.new_empty(p.shape)).mul_(-math.log(2))
    scores, room = p.new_empty(len(p)), p.new_empty(size, p.shape[1])
    for rows, part in zip(p.split(size), scores.split(size), strict=True):
        part.copy_(_times_log2(rows, room[: len(rows)]))
    return scores.mul_(-math.log(2))


def _times_log2(p: Tensor, room: Tensor) -> Tensor:
    """Sum of ``p log2(p)`` over each row; the logarithms are written to ``room``."""
    logs = torch.clamp(p, min=TINY, out=room).numpy()
    np.log2(logs, out=logs)
    return room.mul_(p).sum(-1)


def small_in_float64(scores: Tensor, below: float, exact: Callable[[Tensor], Tensor]) -> Tensor:
    """Scores ``(N,)``, with those below a bound computed again in float64.

    For differences of entropies: rounding of float32, about 1e-7, would decide the order of small
    ones. ``exact`` gets the positions of these rows.
    """
    if scores.dtype != torch.float64:
        rows = (scores < below).nonzero().flatten()
        if len(rows):
            scores[rows] = exact(rows).to(scores.dtype)
    return scores.clamp_min_(0)


def largest(p: Tensor) -> Tensor:
    """Largest entry of each row of non-negative numbers ``(N, C)``, as ``(N,)``. Cost: O(N C)."""
    return _comparable(p).amax(1).view(p.dtype)


def top_two(p: Tensor) -> tuple[Tensor, Tensor]:
    """Largest and second largest entry of each row of ``(N, C)``, as two tensors ``(N,)``.

    Equal to ``p.topk(2, dim=1).values``, ties included, in a fraction of the time. Needs C >= 2
    and numbers that are not negative. Cost: O(N C).
    """
    if p.shape[1] <= FEW_COLUMNS:
        return _column_by_column(p)
    first, second = _group_by_group(_comparable(p))
    return first.view(p.dtype), second.view(p.dtype)


def _comparable(p: Tensor) -> Tensor:
    """Non-negative numbers as integers in the same order, on a CPU: the bits of each.

    Maxima of integers are faster, since none is NaN: they take half the time for 100 columns.
    """
    return p.view(INTEGERS.get(p.dtype, p.dtype)) if p.device.type == "cpu" else p


def _column_by_column(p: Tensor) -> tuple[Tensor, Tensor]:
    columns = _columns(p)
    first = torch.maximum(columns[0], columns[1])
    second = torch.minimum(columns[0], columns[1])
    lower = torch.empty_like(first)
    for column in columns[2:]:
        torch.maximum(second, torch.minimum(first, column, out=lower), out=second)
        torch.maximum(first, column, out=first)
    return first, second


def _columns(p: Tensor) -> Tensor:
    """``(C, N)``, with each column contiguous in memory.

    For few columns, a product with the identity gives the same numbers in two thirds of the time of
    a copy, if products are computed in full precision. The setting is looked up, and some rows are
    compared.
    """
    many = p.device.type == "cpu" and len(p) >= 1024 and p.shape[1] <= 16
    if many and matmul_precision(p.device) in ("highest", "ieee", "none"):
        columns = torch.mm(torch.eye(p.shape[1], dtype=p.dtype), p.t())
        step = len(p) // 32
        if columns.dtype == p.dtype and columns[:, ::step].equal(p[::step].t()):
            return columns
    return p.t().contiguous()


def _group_by_group(p: Tensor) -> tuple[Tensor, Tensor]:
    """Maxima of groups of columns, then a second pass over the best group only."""
    groups = p.shape[1] // GROUP
    grouped = p[:, : groups * GROUP].unflatten(1, (groups, GROUP))
    tops = torch.cat([grouped.amax(2), p[:, groups * GROUP :]], dim=1)
    first, second, group = _two_and_position(tops)
    # if a leftover column is largest, any group will do: its entries are at most its maximum
    rows = torch.arange(len(p), device=p.device)
    _, beside, _ = _two_and_position(grouped[rows, group.clamp_max(groups - 1)])
    return first, torch.maximum(second, beside)


def _two_and_position(p: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    first, position = p.max(dim=1, keepdim=True)
    second = p.scatter(1, position, 0).amax(1)  # 0 is the least that another can be
    return first[:, 0], second, position[:, 0]
