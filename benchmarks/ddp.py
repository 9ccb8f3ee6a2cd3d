"""Time of a query in two processes compared with one, on the CPU with one thread per process.

A small convolutional network scores images of random pixels by their margin, and picks 100 by
``TopK``, which needs scores alone, or by ``KMeansPlusPlus``, for which the first process gathers
all features. The processes share the images; the picks must be the same.

    python benchmarks/ddp.py --out benchmarks/results/ddp.json

This also writes the figures into ``docs/how-to/several_processes.md``.

Times are wall seconds, the minimum of the repeats, so use idle cores, one per process. The record
also has the CPU seconds of each process, which show more on busy cores, where processes wait for
each other, and the load before the run. Exits with 1 if two processes take more than 0.65 of the
wall time of one, or pick other samples. Takes about a minute.
"""

from __future__ import annotations

import argparse
import json
import os
import re
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
RECORD = Path(__file__).resolve().parent / "results" / "ddp.json"
PAGE = RECORD.parents[2] / "docs" / "how-to" / "several_processes.md"
# glibc gives freed memory back to the system and takes it again at each batch, or not, by chance:
# up to 40 % of a query, in one process or in two
KEEP_MEMORY = {"MALLOC_TRIM_THRESHOLD_": "4000000000", "MALLOC_MMAP_THRESHOLD_": "33554432"}
MEASURED = re.compile(r"Measured on .*?\(`benchmarks/ddp\.py`\)\.", re.DOTALL)
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
        strategy.query(100, progress=False)
        seconds, cpu = [], []
        for _ in range(options.repeats):
            if distributed.is_initialized():
                distributed.barrier()
            began, spent = time.perf_counter(), time.process_time()
            query = strategy.query(100, progress=False)
            seconds.append(time.perf_counter() - began)
            cpu.append(time.process_time() - spent)
        picks = query.indices.tolist()
        found[name] = {"seconds": min(seconds), "cpu": min(cpu), "picks": picks}
    return found


def work(options: argparse.Namespace) -> None:
    """Measure as one of several processes, and write what it found."""
    torch.set_num_threads(1)
    rank, world, folder = options.rank, options.world, options.folder
    if world > 1:
        store = f"file://{folder / 'store'}"
        distributed.init_process_group("gloo", store, rank=rank, world_size=world)
    (folder / f"{rank}.json").write_text(json.dumps(measure(options)))
    if world > 1:
        distributed.destroy_process_group()


def measured(world: int, arguments: Sequence[str]) -> list[dict[str, Any]]:
    """Seconds and picks that each of ``world`` new processes measures."""
    with tempfile.TemporaryDirectory() as folder:
        more = ["--world", str(world), "--folder", folder]
        command = [sys.executable, "-W", "ignore", __file__, *arguments, *more]
        environment = {**os.environ, **KEEP_MEMORY, "OMP_NUM_THREADS": "1"}
        started = [
            subprocess.Popen([*command, "--rank", str(rank)], env=environment)
            for rank in range(world)
        ]
        codes = [process.wait() for process in started]
        if any(codes):
            raise SystemExit(f"a process of {world} failed")
        return [json.loads((Path(folder) / f"{k}.json").read_text()) for k in range(world)]


def sentence(record: dict[str, Any]) -> str:
    """The figures of a record, as the page shows them."""
    rows = record["rows"]
    wall = " and ".join(f"{row['ratio']:.2f} (`{row['selector']}`)" for row in rows)
    cpu = " and ".join(f"{row['ratio_of_cpu']:.2f}" for row in rows)
    return (
        f"Measured on {record['cores']} cores, at a load of {record['load']:.1f} before the\n"
        f"run: a query among {record['images']:,} images takes in two processes {wall}\n"
        f"of the wall time of one, and {cpu} of its CPU seconds in the busier process\n"
        "(`benchmarks/ddp.py`)."
    )


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
    load = os.getloadavg()[0]
    alone, shared = measured(1, sizes), measured(2, sizes)
    rows = []
    for name in SELECTORS:
        one, two = alone[0][name], [found[name] for found in shared]
        cpu = {"one": one["cpu"], "two": [each["cpu"] for each in two]}
        row = {"selector": name, "one": one["seconds"], "two": two[0]["seconds"], "cpu": cpu}
        row |= {"ratio": row["two"] / row["one"], "ratio_of_cpu": max(cpu["two"]) / cpu["one"]}
        row["same_picks"] = all(each["picks"] == one["picks"] for each in two)
        rows.append(row)
        print(
            f"{name:15s} one process {row['one']:.3f} s, two {row['two']:.3f} s: "
            f"{row['ratio']:.2f} (CPU seconds of the busier of two processes: "
            f"{row['ratio_of_cpu']:.2f}), {'the same' if row['same_picks'] else 'OTHER'} picks"
        )
    if options.out:
        record = {
            "images": options.images,
            "torch": torch.__version__,
            "cores": os.cpu_count(),
            "load": load,
            "rows": rows,
        }
        options.out.write_text(json.dumps(record, indent=1) + "\n")
        if options.out.resolve() == RECORD:
            PAGE.write_text(MEASURED.sub(sentence(record), PAGE.read_text()))
    missed = [row["selector"] for row in rows if row["ratio"] > LIMIT or not row["same_picks"]]
    print(f"missed: {', '.join(missed)}" if missed else "all limits are met")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
