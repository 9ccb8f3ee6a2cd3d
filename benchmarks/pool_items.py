"""What one item of a pool costs, beside the same item of the bare dataset.

A ``TensorDataset`` of vectors is about the cheapest dataset there is, so the ratio is near the
worst; images that are decoded or transformed hide the pool's share. Each figure is the minimum
over several repeats, in turns, of the mean over the same random items. The last two rows make a
new view for every item, as a careless loop does; no limit applies to them.

    python benchmarks/pool_items.py

Ends with exit code 1 where a ratio is above ``--limit`` (2.0). Machine: any; 1,000,000 items
take about 100 MB and 10 seconds.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import TensorDataset

import alkit as al

LIMITED = ("pool[i]", "annotated[k]", "unannotated[k]")


def seconds_an_item(read: Callable[[int], Any], keys: Sequence[int]) -> float:
    started = time.perf_counter()
    for key in keys:
        read(key)
    return (time.perf_counter() - started) / len(keys)


def measure(size: int, items: int, repeats: int) -> dict[str, float]:
    """Seconds an item of each way to read: the minimum of the repeats."""
    rng = np.random.default_rng(0)
    dataset = TensorDataset(torch.zeros(size, 16), torch.zeros(size, dtype=torch.int64))
    pool = al.ActiveLearningDataset(dataset)
    annotated = pool.annotate_random(size // 10, seed=0)
    outside = pool.unannotated_indices[: size // 100]  # some labels come from people
    pool.annotate(outside, [1] * len(outside))
    annotated, unannotated = pool.annotated, pool.unannotated

    def keys(length: int) -> list[int]:
        return rng.integers(length, size=items).tolist()

    ways: dict[str, tuple[Callable[[int], Any], list[int]]] = {
        "dataset[i]": (dataset.__getitem__, keys(size)),
        "pool[i]": (pool.__getitem__, keys(size)),
        "annotated[k]": (annotated.__getitem__, keys(len(annotated))),
        "unannotated[k]": (unannotated.__getitem__, keys(len(unannotated))),
        "pool.annotated[k]": (lambda k: pool.annotated[k], keys(len(annotated))),
        "pool.unannotated[k]": (lambda k: pool.unannotated[k], keys(len(unannotated))),
    }
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(repeats):
        for way, (read, chosen) in ways.items():
            best[way] = min(best[way], seconds_an_item(read, chosen))
    return best


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="What one item of a pool costs.")
    parser.add_argument("--size", type=int, default=1_000_000, help="items of the dataset")
    parser.add_argument("--items", type=int, default=200, help="items read, each repeat")
    parser.add_argument("--repeats", type=int, default=500)
    parser.add_argument("--limit", type=float, default=2.0, help="the most a ratio may be")
    options = parser.parse_args(arguments)

    seconds = measure(options.size, options.items, options.repeats)
    bare = seconds["dataset[i]"]
    print(
        f"{options.size:,} items, minimum of {options.repeats} repeats of {options.items:,} reads"
    )
    print(f"{'':20s} us/item  ratio")
    for way, each in seconds.items():
        print(f"{way:20s} {1e6 * each:7.2f}  {each / bare:5.2f}")
    worst = max(seconds[way] for way in LIMITED) / bare
    print(f"worst {worst:.2f}, limit {options.limit:.2f}")
    return int(worst > options.limit)


if __name__ == "__main__":
    raise SystemExit(main())
