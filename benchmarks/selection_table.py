"""The table of ``selection.py``: limits of the machine, ratios and their display."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from selection_workloads import WORKLOADS, Size

Row = dict[str, Any]
COLUMNS = (
    ("workload", 17), ("size", 32), ("method", 29), ("s", 9), ("CPU s", 9), ("MB", 7),
    ("same", 6), ("objective", 10), ("peer", 8), ("limit", 7),
)  # fmt: skip


def machine_limits(repeats: int = 5) -> dict[str, float]:
    """Best bytes per second of a 400 MB sum, and multiply-adds per second of a float32 GEMM."""
    many, square = torch.ones(100_000_000), torch.randn(2048, 2048)

    def least(work: Callable[[], Any]) -> float:
        times = []
        for _ in range(repeats):
            wall, cpu = time.perf_counter(), time.process_time()
            work()
            times += [time.perf_counter() - wall, time.process_time() - cpu]
        return min(times)

    return {
        "bytes_per_second": 4e8 / least(many.sum),
        "multiply_adds_per_second": 2048**3 / least(lambda: square @ square),
    }


def cost(row: Row) -> float:
    """Seconds: CPU time with one thread, whatever else runs; wall time with several threads."""
    return min(*row["cpu_seconds"], *row["seconds"])


def compare(rows: list[Row], limits: dict[str, float]) -> list[Row]:
    """Rows of one size with the limit, the ratios and the share of the textbook's picks added."""
    workload, size = WORKLOADS[rows[0]["workload"]], Size(**rows[0]["size"])
    read, multiplied = workload.work(size)
    least = max(read / limits["bytes_per_second"], multiplied / limits["multiply_adds_per_second"])
    peers = [row for row in rows if row["library"] == "peers"]
    finished = [cost(row) for row in peers if row["status"] == "ok"]
    late = [float(row["status"][2:-2]) for row in peers if row["status"].startswith(">")]
    best = min(finished or late, default=None)
    reference = set(rows[0].get("picks", ()))
    compared = []
    for row in rows:
        shown = {key: value for key, value in row.items() if key != "picks"}
        compared.append(shown | {"limit_seconds": least})
        if row["status"] == "ok":
            compared[-1]["over_limit"] = cost(row) / least
            if best is not None:
                compared[-1]["times_best_peer"] = best / cost(row)
                compared[-1]["best_peer_finished"] = bool(finished)
            if reference and workload.picks_compared:
                compared[-1]["same"] = len(reference & set(row["picks"])) / size.n
    return compared


def exponent(points: Sequence[tuple[int, float]]) -> Row:
    """Least-squares slope of the logarithms: time grows as N to this power."""
    if len(points) < 2:
        return {"exponent": float("nan")}
    x, y = np.log(np.array(points, float)).T
    return {"exponent": float(np.polyfit(x, y, 1)[0])}


def _line(cells: Sequence[str]) -> str:
    pairs = zip(cells, COLUMNS, strict=True)
    return "  ".join(
        f"{cell:{'<' if k < 3 else '>'}{width}}" for k, (cell, (_, width)) in enumerate(pairs)
    )


def title() -> str:
    return _line([name for name, _ in COLUMNS])


def show(rows: list[Row]) -> None:
    for row in rows:
        cells = [row["workload"], str(Size(**row["size"])), row["method"]]
        if row["status"] == "ok":
            cells += [f"{min(row[key]):.3g}" for key in ("seconds", "cpu_seconds")]
            cells += [f"{row['megabytes']:.0f}", f"{row['same']:.1%}" if "same" in row else "-"]
            cells += [f"{row['objective']:.5g}"]
            bound = "" if row.get("best_peer_finished", True) else ">"
            times = row.get("times_best_peer")
            cells += ["-" if times is None else f"{bound}{times:.3g}", f"{row['over_limit']:.3g}"]
            print(_line(cells), flush=True)
        else:
            note = row["status"] + "*" * row.get("inferred", False)
            error = f" ({row['error']})" if row["status"] == "failed" else ""
            print(f"{_line(cells + [''] * 7).rstrip():82s}  {note}{error}", flush=True)
