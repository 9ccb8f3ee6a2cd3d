"""Cost of reading one item of a pool, compared with the same item of the bare dataset.

A ``TensorDataset`` of vectors is about the cheapest possible dataset, so the ratio is close to the
worst case; decoding or transforming images hides the pool's share. Each figure is the minimum over
several repeats, in turns, of the mean over the same random items. The last two rows create a new
view for every item, as a careless loop does; no limit applies to them.

    python benchmarks/pool_items.py

Exits with 1 if a ratio is above ``--limit`` (2.0). Runs on any machine; 1,000,000 items take about
100 MB and 10 seconds.
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
    """Seconds per item for each way to read: the minimum over the repeats."""
    rng = np.random.default_rng(0)
    dataset = TensorDataset(torch.zeros(size, 16), torch.zeros(size, dtype=torch.int64))
    pool = al.ActiveLearningDataset(dataset)
    annotated = pool.annotate_random(size // 10, seed=0)
    outside = pool.unannotated_indices[: size // 100]  # some labels come from an oracle
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
    parser = argparse.ArgumentParser(description="Cost of reading one item of a pool.")
    parser.add_argument("--size", type=int, default=1_000_000, help="items in the dataset")
    parser.add_argument("--items", type=int, default=200, help="items to read per repeat")
    parser.add_argument("--repeats", type=int, default=500)
    parser.add_argument("--limit", type=float, default=2.0, help="largest ratio allowed")
    options = parser.parse_args(arguments)

    seconds = measure(options.size, options.items, options.repeats)
    bare = seconds["dataset[i]"]
    print(
        f"{options.size:,} items, minimum over {options.repeats} repeats of {options.items:,} reads"
    )
    print(f"{'':20s} us/item  ratio")
    for way, each in seconds.items():
        print(f"{way:20s} {1e6 * each:7.2f}  {each / bare:5.2f}")
    worst = max(seconds[way] for way in LIMITED) / bare
    print(f"worst ratio {worst:.2f}, limit {options.limit:.2f}")
    return int(worst > options.limit)


if __name__ == "__main__":
    raise SystemExit(main())
