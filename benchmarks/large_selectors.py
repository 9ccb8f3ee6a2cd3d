"""Seconds, memory and quality of the selectors that compare candidates, in a pool of a million.

    nice -n 10 python benchmarks/large_selectors.py time TypiClust [--samples 1000000]
    nice -n 10 python benchmarks/large_selectors.py quality [--samples 60000]

``time`` selects from features in a ``.npy`` file, which it writes first if it is missing, with one
thread, in this process. It prints the CPU seconds, and the peak of anonymous memory beyond what the
process held before, without pages of the file. It exits with 1 beyond 600 s or 1.5 GiB.

``quality`` compares the approximate form of large pools with the exact one. It divides the size
beyond which a pool is large by the ratio of a million to ``--samples``, so that a part is the same
share of the pool; for coverage it is as large as the sample, 10,000. The size of the groups in
which neighbors are found stays as it is. It prints the objective of the picks over all candidates,
approximate divided by exact: mean coverage, or the share within the radius; for TypiClust, one over
the mean distance of the picks to their 20 nearest candidates. It exits with 1 below .98.

Both write their figures into ``benchmarks/results/large_selectors.json``.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import gettempdir

import numpy as np
import torch

import alkit as al
from alkit.selectors import (
    Candidates,
    FacilityLocation,
    MaxHerding,
    ProbCover,
    Selector,
    TypiClust,
    large_pool,
    part,
)
from alkit.selectors.facility import similarity
from alkit.selectors.geometry.coverage import highest_value
from alkit.selectors.geometry.points import Points
from alkit.selectors.spaces import unit_rows

RECORD = Path(__file__).parent / "results" / "large_selectors.json"
LATENT = 32  # dimensions of the mixture of Gaussians behind the features
GROUPS = 50
BANDWIDTH = 1.0
SELECTORS: dict[str, Callable[[float | None], Selector]] = {
    "MaxHerding": lambda radius: MaxHerding(),
    "UncertaintyHerding": lambda radius: al.UncertaintyHerding(bandwidth=BANDWIDTH),
    "FacilityLocation": lambda radius: FacilityLocation(),
    "ProbCover": lambda radius: ProbCover(radius=radius, classes=10),
    "TypiClust": lambda radius: TypiClust(),
}


def features(path: Path | None, number: int, width: int) -> np.ndarray:
    """Rows ``(N, D)`` of a random ReLU layer on a mixture of Gaussians, as in ``selection.py``."""
    shape = (number, width)
    if path is not None and path.exists():
        rows = np.load(path, mmap_mode="r")
        if rows.shape != shape:
            sys.exit(f"{path} is {rows.shape}, not {shape}: delete it")
        return rows
    if path is None:
        rows = np.empty(shape, np.float32)
    else:
        rows = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
    rng, spectrum = np.random.default_rng(0), 1 / np.sqrt(np.arange(1, LATENT + 1))
    centers = rng.standard_normal((GROUPS, LATENT)) * spectrum * 2
    layer = (rng.standard_normal((LATENT, width)) / np.sqrt(LATENT)).astype(np.float32)
    for start in range(0, number, 20_000):
        z = centers[rng.integers(GROUPS, size=min(20_000, number - start))]
        z = (z + rng.standard_normal(z.shape) * spectrum).astype(np.float32)
        rows[start : start + len(z)] = np.maximum(z @ layer + np.float32(0.1), 0)
    return rows if path is None else features(path, number, width)


def scores(number: int) -> np.ndarray:
    """Scores ``(N,)`` in [0, 1], most of them low."""
    return np.random.default_rng(1).random(number, np.float32) ** 3


class Memory:
    """Peak of the anonymous memory of this process beyond the start, sampled each 20 ms."""

    def __init__(self) -> None:
        self.base = self.peak = self.now()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    @staticmethod
    def now() -> int:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return 1024 * int(line.split()[1])
        raise SystemExit("this kernel does not report anonymous memory")

    def _watch(self) -> None:
        while not self._done.wait(0.02):
            self.peak = max(self.peak, self.now())

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    @property
    def gib(self) -> float:
        return (self.peak - self.base) / 2**30


def measure(name: str, path: Path, number: int, width: int, n: int) -> dict[str, object]:
    """CPU seconds and memory of one query."""
    rows, weights = features(path, number, width), scores(number)
    al.select(3, embeddings=rows[:500], scores=weights[:500], selector=SELECTORS[name](None))
    started, wall = time.process_time(), time.perf_counter()
    with Memory() as memory:
        query = al.select(
            n, embeddings=rows, scores=weights, selector=SELECTORS[name](None), seed=0
        )
    return {
        "seconds": round(time.process_time() - started, 1),
        "wall": round(time.perf_counter() - wall, 1),
        "anonymous GiB": round(memory.gib, 2),
        "why": query.why,
    }


def objective(name: str, points: Points, picks: torch.Tensor, radius: float) -> float:
    """Objective of some picks over all candidates, higher is better."""
    if name == "TypiClust":
        apart = torch.cat([points[each].distances(points) for each in picks.split(64)])
        return 1 / float(apart.topk(21, largest=False).values[:, 1:].mean())
    chosen = points[picks]
    if name == "FacilityLocation":
        return float(highest_value(similarity, points, chosen).clamp(min=0).mean())
    nearest = -highest_value(lambda ours, theirs: -ours.squared_distances(theirs), points, chosen)
    if name == "ProbCover":
        return float((nearest < radius**2).double().mean())
    covered = (-nearest / BANDWIDTH**2).exp().double()
    if name == "MaxHerding":
        return float(covered.mean())
    weights = torch.from_numpy(scores(len(points))).double()
    return float((covered * weights).sum() / weights.sum())


def compare(name: str, number: int, width: int, n: int, seeds: int) -> dict[str, object]:
    """Objective of the approximate form divided by that of the exact one."""
    x = unit_rows(torch.from_numpy(features(None, number, width)))
    given = Candidates(torch.from_numpy(scores(number)), al.Prediction(features=x))
    points, large = Points((x,)), int(2**16 * number / 1_000_000)
    radius, ratios, seconds = 0.3, [], {True: 0.0, False: 0.0}
    for seed in range(seeds):
        found = {}
        for approximate in (True, False):
            part.LARGE = large_pool.LARGE = large if approximate else 2**16
            started = time.process_time()
            picks = SELECTORS[name](radius)(given, n, torch.Generator().manual_seed(seed))
            seconds[approximate] += time.process_time() - started
            found[approximate] = objective(name, points, picks.positions, radius)
        ratios.append(found[True] / found[False])
    return {
        "ratio": round(float(np.mean(ratios)), 4),
        "lowest": round(min(ratios), 4),
        "seeds": seeds,
        "seconds, approximate and exact": [round(seconds[key] / seeds, 1) for key in (True, False)],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("time", "quality"))
    parser.add_argument("names", nargs="*", metavar="selector", help=f"of {', '.join(SELECTORS)}")
    parser.add_argument("--samples", type=int)
    parser.add_argument("--features", type=int, default=512)
    parser.add_argument("--query", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--file", type=Path, default=Path(gettempdir(), "large_selectors.npy"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    timing, width, n = options.what == "time", options.features, options.query
    number = options.samples or (1_000_000 if timing else 60_000)
    missed = []
    for name in options.names or SELECTORS:
        if timing:
            found = measure(name, options.file, number, width, n)
            good = found["seconds"] <= 600 and found["anonymous GiB"] <= 1.5  # type: ignore[operator]
        else:
            found = compare(name, number, width, n, options.seeds)
            good = found["ratio"] >= 0.98  # type: ignore[operator]
        print(f"{name}, {n} of {number:,} x {width}: {found}", flush=True)
        record = json.loads(RECORD.read_text()) if RECORD.exists() else {}
        record[f"{options.what}, {name}, {n} of {number:,} x {width}"] = found
        RECORD.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")
        missed += [] if good else [name]
    if missed:
        sys.exit(f"missed the target: {', '.join(missed)}")


if __name__ == "__main__":
    main()
