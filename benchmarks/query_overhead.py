"""Cost of ``strategy.query`` compared with the bare forward pass, on 60,000 MNIST images.

Runs the same network and batch size in four ways, in turns, on images decoded by torchvision:

    bare           tensors in memory, forward: nothing else
    alkit, cached  ``strategy.query(100)`` on a pool with ``cache=True`` that was read before
    loader         the usual hand-written loop: a DataLoader, forward, concatenate
    alkit, first   ``strategy.query(100)`` on such a pool that was not read yet

Times are CPU seconds on one thread, the minimum of the repeats. A query scores all images by their
margin, picks, and reads the picks once more.

    python benchmarks/query_overhead.py --out benchmarks/results/query_overhead.json

Exits with 1 if the cached query takes more than 1.25 times the bare pass, or the first query more
than the loader's loop. The last record has 1.06 and 1.15 times the bare pass, and 1.02 and 1.00
times the loop. The latter is the cost of storing and scoring the images, and no larger than the
difference between two runs of the loop. Takes about 10 minutes.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import torchvision
from fit_overhead import NETWORKS, in_turns, keep_freed_memory
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Subset

import alkit as al

LIMITS = {"alkit, cached": ("bare", 1.25), "alkit, first": ("loader", 1.0)}


def bare(net: nn.Module, x: Tensor, batch_size: int) -> Tensor:
    with torch.no_grad():
        return torch.cat([net(batch) for batch in x.split(batch_size)])


def loop(net: nn.Module, data: Dataset, batch_size: int) -> Tensor:
    with torch.no_grad():
        return torch.cat([net(x) for x, _ in DataLoader(data, batch_size)])


def measure(name: str, data: Dataset, options: argparse.Namespace) -> dict[str, Any]:
    """Print a table and return the seconds of each way."""
    torch.manual_seed(0)
    size, count = options.batch_size, len(data)  # type: ignore[arg-type]
    x = torch.stack([image for image, _ in data])  # type: ignore[attr-defined]

    def strategy() -> al.Strategy:
        pool = al.ActiveLearningDataset(data, cache=True)
        return al.Strategy(net, pool, al.Margin(), test_batch_size=size, seed=0).build()

    net = NETWORKS[name]().build().eval()
    warm = strategy()
    warm.query(100)
    ways: dict[str, Callable[[], object]] = {
        "bare": lambda: bare(net, x, size),
        "alkit, cached": lambda: warm.query(100),
        "loader": lambda: loop(net, data, size),
        "alkit, first": lambda: strategy().query(100),
    }
    spent = in_turns(ways, options.repeats, gc.collect)
    best = {way: min(seconds) for way, seconds in spent.items()}
    print(f"{name}, {count:,} images in batches of {size}")
    for way, seconds in best.items():
        other, _ = LIMITS.get(way, (None, None))
        ratio = f"  {seconds / best[other]:5.2f} times {other}" if other else ""
        print(f"  {way:14s} {seconds:8.3f} s{ratio}", flush=True)
    return {"network": name, "images": count, "batch_size": size, "seconds": best}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--networks", default=",".join(NETWORKS))
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=2)
    default_data = Path(__file__).parents[2] / "shared" / "data"
    parser.add_argument("--data-dir", default=os.environ.get("ALKIT_DATA", default_data))
    parser.add_argument("--out", type=Path, help="JSON file for the results")
    options = parser.parse_args(arguments)
    keep_freed_memory()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    to_tensor = torchvision.transforms.ToTensor()
    mnist = torchvision.datasets.MNIST(options.data_dir, train=True, transform=to_tensor)
    data = Subset(mnist, range(options.images))
    rows = [measure(name, data, options) for name in options.networks.split(",")]
    if options.out:
        record = {"torch": torch.__version__, "rows": rows}
        options.out.write_text(json.dumps(record, indent=1) + "\n")
    missed = [
        f"{row['network']}, {way}: {ratio:.2f} times {other}"
        for row in rows
        for way, (other, limit) in LIMITS.items()
        if (ratio := row["seconds"][way] / row["seconds"][other]) > limit
    ]
    print("missed: " + "; ".join(missed) if missed else "all limits are met")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
