"""Seconds, memory and growth of selections from 10,000 to 1,000,000 samples on disk.

Features and class probabilities are float16 ``.npy`` files, made once in a temporary folder, with
the distribution of ``selection_workloads.py``; each size is the end of the same files. Each row is
a separate process on one thread, one at a time. Columns: CPU seconds, the minimum of ``--repeat``;
the peak of anonymous memory beyond the start, in GiB, which leaves out the pages of files; the
share of alkit's picks that the other method picks too. Then the growth: seconds grow as N to this
power, by a least-squares fit.

Beside k-center, TypiClust and the picks that are similar to annotated ones
(``FacilityLocationMutualInformation``) is the engine of LightlyStudio, ``lightly-mundig``, with its
diversity, its typicality by 20 neighbors and its similarity. It takes lists of Python numbers; its
seconds include making them, a thousand rows at a time. Its typicality compares all pairs, and the
last two score all samples, of which the highest are taken.

    pip install -e ".[bench]"
    python benchmarks/pool_scale.py --out benchmarks/results/pool_scale.json    # four CPU minutes
    python benchmarks/pool_scale_page.py  # writes the table of docs/speed.md

``*`` marks what was not run because a smaller size took longer than ``--timeout`` CPU seconds.
Needs 2.1 GB of disk. Exits with 1 if a row of alkit fails, takes longer, or more than 1.5 GiB.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from pool_scale_run import METHODS
from selection import ended, run, save
from selection_table import exponent, machine_limits
from selection_workloads import Arrays, Size

Row = dict[str, Any]
SIZES = "10000,100000,1000000"
GIB = 1.5  # anonymous memory allowed to alkit


def with_shares(rows: list[Row]) -> list[Row]:
    """Rows of one workload and size without picks, but with their share in those of alkit."""
    ours = set(rows[0].get("picks", ()))
    for row in rows[1:]:
        if ours and "picks" in row:
            row["same"] = len(ours & set(row["picks"])) / len(ours)
    return [{key: value for key, value in row.items() if key != "picks"} for row in rows]


def growth(rows: list[Row]) -> list[Row]:
    """The fitted exponent of each method that ended on at least two sizes."""
    points: dict[tuple[str, str], list[tuple[int, float]]] = {}
    for row in rows:
        if row["status"] == "ok":
            found = points.setdefault((row["workload"], row["method"]), [])
            found.append((row["size"]["N"], min(row["cpu_seconds"])))
    return [
        {"workload": workload, "method": method, "points": found} | exponent(found)
        for (workload, method), found in points.items()
        if len(found) > 1
    ]


def missed(row: Row) -> bool:
    """True if a row of alkit failed, or took too long or too much memory."""
    return row["method"] == "alkit" and (row["status"] != "ok" or row["anonymous_gib"] > GIB)


def write(options: argparse.Namespace, limits: Row, rows: list[Row]) -> None:
    """Add the rows to the record, and fit the growth to all of it."""
    if options.out:
        save(options, limits, rows, [])
        record = json.loads(options.out.read_text())
        record["growth"] = growth(record["rows"])
        options.out.write_text(json.dumps(record, indent=1))


def line(row: Row) -> str:
    shown = f"{row['workload']:24s} {row['size']['N']:9,}  {row['method']:7s}"
    if row["status"] != "ok":
        note = row["status"] + "*" * row.get("inferred", False)
        return f"{shown} {note} {row.get('error', '')}".rstrip()
    same = f"{row['same']:.0%} the same" if "same" in row else ""
    cpu, gib = min(row["cpu_seconds"]), row["anonymous_gib"]
    return f"{shown} {cpu:9.3f} s  {gib:6.2f} GiB  {same}".rstrip()


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--only", default=",".join(METHODS), help=", ".join(METHODS))
    parser.add_argument("--sizes", default=SIZES)
    parser.add_argument("--features", type=int, default=512)
    parser.add_argument("--annotated", type=int, default=100)
    parser.add_argument("--query", type=int, default=100)
    parser.add_argument("--engine", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--timeout", type=float, default=60, help="CPU seconds per thread")
    parser.add_argument("--memory-gb", type=float, default=16, help="above the start; 0: no limit")
    parser.add_argument("--out", type=Path, help="JSON file to which rows are added")
    options = parser.parse_args(arguments)
    options.only = options.only.split(",")
    if unknown := set(options.only) - set(METHODS):
        parser.error(f"unknown workloads {sorted(unknown)}; available: {', '.join(METHODS)}")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    torch.set_num_threads(options.threads)
    numbers = sorted(map(int, options.sizes.split(",")))
    axes = {"n": options.query, "D": options.features, "C": 10, "A": options.annotated}
    limits, rows = machine_limits(), list[Row]()
    with tempfile.TemporaryDirectory() as folder:
        Arrays.make(Size(numbers[-1], **axes), folder=Path(folder))
        for workload in options.only:
            for number in numbers:
                found = []
                for method in METHODS[workload] if options.engine else ["alkit"]:
                    row = {"workload": workload, "library": method, "method": method}
                    row["size"] = asdict(Size(number, **axes))
                    task = row | {"folder": folder}
                    known = ended(row, rows)
                    found.append(row | (known or run(task, options, "pool_scale_run.py")))
                rows += with_shares(found)
                print(*map(line, rows[-len(found) :]), sep="\n", flush=True)
                write(options, limits, rows)
    for row in growth(rows):
        print(f"{row['workload']:24s} {row['method']:7s} N^{row['exponent']:.2f}", flush=True)
    return int(any(map(missed, rows)))


if __name__ == "__main__":
    raise SystemExit(main())
