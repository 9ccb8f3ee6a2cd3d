"""Time of a query in two processes compared with one, on the CPU with one thread per process.

A small convolutional network scores images of random pixels by their margin, and picks 100 by
``TopK``, which needs scores alone, or by ``KMeansPlusPlus``, for which the first process gathers
all features. The processes share the images; the picks must be the same.

    python benchmarks/ddp.py --out benchmarks/results/ddp.json

Times are wall seconds, the minimum of the repeats, so use idle cores, one per process. On busy
cores, the CPU seconds of the first process, without its waiting, show more. Exits with 1 if two
processes take more than 0.65 of the time of one, or pick other samples. Takes about a minute.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import distributed, nn

import alkit as al

LIMIT = 0.65
SELECTORS = {"TopK": al.TopK, "KMeansPlusPlus": al.KMeansPlusPlus}


def network() -> nn.Module:
    layers = [nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    layers += [nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(nn.Sequential(*layers), nn.Linear(64, 10))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Seconds and picks of the queries in this process, which others may help."""
    torch.manual_seed(0)
    pool = al.ActiveLearningDataset(torch.randn(options.images, 3, 32, 32))
    found = {}
    for name, selector in SELECTORS.items():
        strategy = al.Strategy(
            network(), pool, selector=selector(), test_batch_size=128, seed=0
        ).build()
        strategy.query(100)
        seconds, cpu = [], []
        for _ in range(options.repeats):
            if distributed.is_initialized():
                distributed.barrier()
            began, spent = time.perf_counter(), time.process_time()
            query = strategy.query(100)
            seconds.append(time.perf_counter() - began)
            cpu.append(time.process_time() - spent)
        picks = query.indices.tolist()
        found[name] = {"seconds": min(seconds), "cpu": min(cpu), "picks": picks}
    return found


def work(options: argparse.Namespace) -> None:
    """Measure as one of several processes; the first writes what it found."""
    torch.set_num_threads(1)
    rank, world, folder = options.rank, options.world, options.folder
    if world > 1:
        store = f"file://{folder / 'store'}"
        distributed.init_process_group("gloo", store, rank=rank, world_size=world)
    found = measure(options)
    if rank == 0:
        (folder / "found.json").write_text(json.dumps(found))
    if world > 1:
        distributed.destroy_process_group()


def measured(world: int, arguments: Sequence[str]) -> dict[str, Any]:
    """Seconds and picks that ``world`` new processes measure."""
    with tempfile.TemporaryDirectory() as folder:
        more = ["--world", str(world), "--folder", folder]
        command = [sys.executable, "-W", "ignore", __file__, *arguments, *more]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        started = [
            subprocess.Popen([*command, "--rank", str(rank)], env=environment)
            for rank in range(world)
        ]
        codes = [process.wait() for process in started]
        if any(codes):
            raise SystemExit(f"a process of {world} failed")
        return json.loads((Path(folder) / "found.json").read_text())


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, help="JSON file for the results")
    parser.add_argument("--world", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--rank", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.world:
        work(options)
        return 0
    sizes = ["--images", str(options.images), "--repeats", str(options.repeats)]
    alone, shared = measured(1, sizes), measured(2, sizes)
    rows = []
    for name in SELECTORS:
        one, two = alone[name], shared[name]
        row = {"selector": name, "one": one["seconds"], "two": two["seconds"]}
        row |= {"cpu_of_one": one["cpu"], "cpu_of_first_of_two": two["cpu"]}
        row |= {"ratio": row["two"] / row["one"], "same_picks": one["picks"] == two["picks"]}
        rows.append(row)
        print(
            f"{name:15s} one process {row['one']:.3f} s, two {row['two']:.3f} s: "
            f"{row['ratio']:.2f} (CPU seconds of the first process: "
            f"{two['cpu'] / one['cpu']:.2f}), {'the same' if row['same_picks'] else 'OTHER'} picks"
        )
    if options.out:
        record = {
            "images": options.images,
            "torch": torch.__version__,
            "cores": os.cpu_count(),
            "load": os.getloadavg()[0],
            "rows": rows,
        }
        options.out.write_text(json.dumps(record, indent=1) + "\n")
    missed = [row["selector"] for row in rows if row["ratio"] > LIMIT or not row["same_picks"]]
    print(f"missed: {', '.join(missed)}" if missed else "all limits are met")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
