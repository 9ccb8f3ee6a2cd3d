"""Cost of a query whose frozen backbone is cached, compared with the query without the file.

A ResNet-18 with random weights and a trained last layer scores random images of 64 x 64 pixels by
their margin:

    whole    ``strategy.query(50)`` without ``cache_features=``
    first    the first query with it, which makes the file
    second   the next query
    resumed  the first query of a later process, which reads all images to compare their content
    head     the last layer alone, on features in memory

Times are CPU seconds on one thread, the minimum of the repeats.

    python benchmarks/cached_features.py --out benchmarks/results/cached_features.json

Exits with 1 if the picks differ, or the second query takes more than a tenth of the whole one.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from time import process_time
from typing import Any

import torch
from torch import nn
from torch.utils.data import TensorDataset
from torchvision.models import resnet18

import alkit as al

LIMIT = 0.1


def network() -> nn.Module:
    torch.manual_seed(0)
    network = resnet18().requires_grad_(False).eval()
    network.fc = nn.Linear(512, 10)
    return network


def timed(work: Any) -> tuple[Any, float]:
    started = process_time()
    done = work()
    return done, process_time() - started


def measure(images: int, side: int, batch_size: int, repeats: int) -> dict[str, Any]:
    """Seconds of each way, and whether all pick the same."""
    x = torch.randn(images, 3, side, side, generator=torch.Generator().manual_seed(0))
    seconds: dict[str, list[float]] = {}
    picks: list[list[int]] = []

    def strategy(cache: Path | None) -> al.Strategy:
        pool = al.ActiveLearningDataset(TensorDataset(x, torch.arange(images) % 10))
        pool.annotate_random(20, seed=0)
        options: dict[str, Any] = {"test_batch_size": batch_size, "seed": 0}
        return al.Strategy(network(), pool, cache_features=cache, **options).build()

    def query(way: str, asked: al.Strategy) -> None:
        found, spent = timed(lambda: asked.query(50, progress=False))
        seconds.setdefault(way, []).append(spent)
        picks.append(found.indices.tolist())

    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "features.npy"
            query("whole", strategy(None))
            cached = strategy(path)
            query("first", cached)
            query("second", cached)
            query("resumed", strategy(path))
            rows = torch.randn(images, 512)
            head = nn.Linear(512, 10)
            with torch.no_grad():
                _, spent = timed(lambda: torch.cat([head(part) for part in rows.split(batch_size)]))  # noqa: B023
            seconds.setdefault("head", []).append(spent)
    best = {way: min(found) for way, found in seconds.items()}
    return {
        "images": images,
        "side": side,
        "batch_size": batch_size,
        "seconds": best,
        "ratio": best["second"] / best["whole"],
        "same_picks": all(found == picks[0] for found in picks),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--images", type=int, default=4_000)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    row = measure(options.images, options.side, options.batch_size, options.repeats)
    for way, spent in row["seconds"].items():
        print(f"{way:8s} {spent:8.3f} s  {spent / row['seconds']['whole']:6.3f} of the whole query")
    print("the same picks" if row["same_picks"] else "other picks")
    if options.out is not None:
        options.out.write_text(json.dumps({"torch": torch.__version__, "rows": [row]}, indent=1))
    return int(not row["same_picks"] or row["ratio"] > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
