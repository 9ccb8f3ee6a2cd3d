"""Selection speed: alkit, other libraries and textbook code on the same arrays, in one run.

Each method runs on each size in a separate process, one at a time, so that its memory and time are
measured alone. Columns: wall and CPU seconds, the minimum of ``--repeat``; MB, the peak memory
above the inputs in the first repeat; same, the share of the textbook's picks that this method also
picks; objective, the value that the picks should make small or large; peer, the cost of the fastest
peer divided by the cost of this method; limit, the cost divided by the seconds that the machine
needs for the least work (bytes at measured bandwidth, or multiply-adds at measured GEMM speed).
The cost is the lesser of wall and CPU seconds. ``*`` marks a method that was not run because it
ended this way on a smaller size. A second part measures the growth of alkit's cost with N.

    pip install -e ".[bench]"
    python benchmarks/selection.py                      # an hour or two, mostly for the peers
    python benchmarks/selection.py --sizes small        # minutes, to check that it works
    python benchmarks/selection.py --only k-center,BADGE --no-peers

The full sizes need 24 GB of memory and 3 GB of disk in the temporary folder. The last results are
in ``benchmarks/results/selection.json``, those of BatchBALD in ``batchbald.json`` next to it.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
import os
import platform
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from selection_peers import DISTRIBUTIONS
from selection_table import compare, exponent, machine_limits, show, title
from selection_workloads import WORKLOADS, Arrays, Size

Row = dict[str, Any]
HERE = Path(__file__).parent
THREADS = [f"{name}_NUM_THREADS" for name in ("OMP", "OPENBLAS", "MKL", "NUMBA", "RAYON")]


def run(task: Row, options: argparse.Namespace, script: str = "selection_run.py") -> Row:
    """Run one method in a separate process and return its measurements."""
    task = task | {key: vars(options)[key] for key in ("threads", "repeat", "timeout", "memory_gb")}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(HERE / script), json.dumps(task)],
        capture_output=True,
        text=True,
        env=os.environ | dict.fromkeys(THREADS, str(options.threads)),
        check=False,
    )
    if done.returncode == -signal.SIGPROF:
        return {"status": f"> {options.timeout:g} s"}
    try:
        return json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        words = (done.stderr.splitlines() or [f"exit code {done.returncode}"])[-1]
        ran_out = "alloc" in words or done.returncode == -signal.SIGKILL
        return {"status": "out of memory" if ran_out else "failed", "error": words[:300]}


def measure(
    name: str, size: Size, libraries: Sequence[str], known: list[Row], options: argparse.Namespace
) -> Iterator[Row]:
    """Yield one row for each method of a workload on a size."""
    with tempfile.TemporaryDirectory() as folder:
        arrays = Arrays.make(size)
        (arrays.unit() if WORKLOADS[name].unit else arrays).save(Path(folder))
        del arrays
        for library in libraries:
            for method in importlib.import_module(f"selection_{library}").METHODS[name]:
                row = {"workload": name, "library": library, "method": method}
                row["size"] = asdict(size)
                yield row | (ended(row, known) or run(row | {"folder": folder}, options))


def ended(row: Row, known: list[Row]) -> Row | None:
    """Status of the method on a smaller size, if it ran out of time or memory there."""
    for other in known:
        same = all(other[key] == row[key] for key in ("workload", "library", "method"))
        late = other["status"].startswith(">") or other["status"] == "out of memory"
        if same and late and Size(**other["size"]).within(Size(**row["size"])):
            return {"status": other["status"], "inferred": True}
    return None


def grow(name: str, options: argparse.Namespace) -> Row:
    """Cost of alkit against N, up to the largest N that finishes in time."""
    base, points = WORKLOADS[name].small[0], []
    for N in WORKLOADS[name].grows:
        size = replace(base, N=N, n=100)
        (row,) = measure(name, size, ["alkit"], [], options)
        if row["status"] != "ok":
            break
        points.append((N, min(*row["cpu_seconds"], *row["seconds"])))
    return {"workload": name, "D": base.D, "C": base.C, "points": points} | exponent(points)


def about(options: argparse.Namespace) -> Row:
    versions = {}
    for name in ("alkit", *DISTRIBUTIONS):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    machine = f"{platform.machine()}, {os.cpu_count()} cores"
    keys = ("threads", "repeat", "timeout", "memory_gb")
    return {
        "command": shlex.join(["python", *sys.argv]),
        "machine": machine,
        "versions": versions,
        "options": {key: vars(options)[key] for key in keys},
    }


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="alkit, other libraries and textbook code.")
    parser.add_argument("--only", default=",".join(WORKLOADS), help=", ".join(WORKLOADS))
    parser.add_argument("--sizes", choices=["small", "full"], default="full")
    parser.add_argument("--peers", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--alkit", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--growth", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--timeout", type=float, default=300, help="CPU seconds per thread")
    parser.add_argument("--memory-gb", type=float, default=12, help="above the inputs; 0: no limit")
    parser.add_argument("--out", type=Path, help="JSON file to which rows are added")
    options = parser.parse_args(arguments)
    options.only = options.only.split(",")
    if unknown := set(options.only) - set(WORKLOADS):
        parser.error(f"unknown workloads {sorted(unknown)}; available: {', '.join(WORKLOADS)}")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    torch.set_num_threads(options.threads)
    limits = machine_limits()
    print(", ".join(f"{key.replace('_', ' ')}: {value:.3g}" for key, value in limits.items()))
    libraries = ["textbook"] + ["peers"] * options.peers + ["alkit"] * options.alkit
    rows: list[Row] = []
    growth: list[Row] = []
    print(title())
    for name in options.only:
        workload = WORKLOADS[name]
        for size in workload.sizes if options.sizes == "full" else workload.small:
            rows += compare(list(measure(name, size, libraries, rows, options)), limits)
            show([row for row in rows if row["size"] == asdict(size) and row["workload"] == name])
            save(options, limits, rows, growth)
    if options.alkit and options.growth and options.sizes == "full":
        for name in options.only:
            growth.append(grow(name, options))
            print(f"{name:18s} N^{growth[-1]['exponent']:.2f} ", growth[-1]["points"], flush=True)
            save(options, limits, rows, growth)
    return int(any(row["status"] == "failed" for row in rows))


def save(options: argparse.Namespace, limits: Row, rows: list[Row], growth: list[Row]) -> None:
    """Write the rows, replacing older ones of the same method and size."""
    if not options.out:
        return
    options.out.parent.mkdir(parents=True, exist_ok=True)
    old = json.loads(options.out.read_text()) if options.out.exists() else {}

    def merged(key: str, new: list[Row], names: Sequence[str]) -> list[Row]:
        done = [[row[name] for name in names] for row in new]
        kept = [row for row in old.get(key, []) if [row[name] for name in names] not in done]
        return kept + new

    record = about(options) | {
        "limits": limits,
        "rows": merged("rows", rows, ("workload", "method", "size")),
        "growth": merged("growth", growth, ("workload",)),
    }
    options.out.write_text(json.dumps(record, indent=1))


if __name__ == "__main__":
    raise SystemExit(main())
