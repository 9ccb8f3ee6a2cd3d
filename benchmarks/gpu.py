"""Queries and selections on a GPU: seconds, peak memory, ratios to its rates, the CPU's picks.

    python benchmarks/gpu.py                        # writes benchmarks/results/gpu.json
    python benchmarks/gpu.py --device cpu --small   # the same rows in seconds, without a record

Data come from seeds, made on the device. First measured are the rates of this device: copies within
it and from the CPU, and products of matrices. Then two kinds of rows:

    scoring     ``strategy.query`` of 60,000 images by a small CNN, of 1,000,000 rows of 128 numbers
                by a perceptron, and of the images with 20 MC dropout samples. The network is in
                bfloat16; the samples are on the CPU, as those of a pool.
    selection   ``al.select`` of 100 among 60,000 and 1,000,000 x 512 that are on the device, 50
                annotated. TypiClust and herding of a million are approximate, see ``query.why``.

Columns of the table:

    s, GiB      seconds, after a smaller call to warm up; memory beyond what was held before
    copy        seconds over the time of one copy of the samples (from the CPU if scored, within the
                device if selected from)
    matrix      seconds over the time of the nominal products at the rate of matrices: those of the
                forward pass in bfloat16, or N n D in float32, each candidate with each pick
    bare        seconds over those of the same forward passes in a plain loop
    equal       share of the picks that the CPU also makes on the same data, at most 10,000 rows, as
                the CPU takes too long for all; scores of the CPU are in float32
    quality     objective of these picks over that of the CPU's, above 1 if they are better: mean
                score, covered radius, squared distances, density, coverage
    again       whether a second call picks the same

An error of a row is recorded, and the others follow. After 300 s, rows are recorded as "not
reached". Exits with 1 if a row failed, or its quality is below 0.95. Without a GPU, a line says so,
there and in the record, unless this has figures of one.
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import platform
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset
from torch.utils.flop_counter import FlopCounterMode

import alkit as al
from alkit.selectors import Candidates, GradientEmbedding, MaxHerding, TypiClust
from alkit.selectors.geometry.points import Points

RECORD = Path(__file__).parent / "results" / "gpu.json"
BUDGET, LOWEST, KNOWN = 300.0, 0.95, 50
Found = dict[str, Any]


@dataclass(frozen=True)
class Sizes:
    images: int = 60_000
    pool: int = 1_000_000
    compared: int = 10_000
    width: int = 512
    n: int = 100
    samples: int = 20
    batch: int = 1024
    side: int = 8192  # side of the matrices whose product is timed


SMALL = Sizes(600, 1500, 300, 16, 10, 3, 128, 256)


class Device:
    """All that depends on the kind of device: waiting for it, and its memory."""

    def __init__(self, name: str) -> None:
        self.device, self.cuda = torch.device(name), name.startswith("cuda")

    def wait(self) -> None:
        if self.cuda:
            torch.cuda.synchronize(self.device)

    def measured(self, work: Callable[[], Any]) -> tuple[Any, float, float | None]:
        """Result, wall seconds, and peak memory in GiB; None on the CPU."""
        held = 0
        if self.cuda:
            held = torch.cuda.memory_allocated(self.device)
            torch.cuda.reset_peak_memory_stats(self.device)
        self.wait()
        started = time.perf_counter()
        result = work()
        self.wait()
        seconds = time.perf_counter() - started
        peak = torch.cuda.max_memory_allocated(self.device) - held if self.cuda else None
        return result, seconds, None if peak is None else peak / 2**30

    def freed(self) -> None:
        if self.cuda:
            torch.cuda.empty_cache()

    def described(self) -> Found:
        if not self.cuda:
            return {"name": platform.processor() or platform.machine()}
        known = torch.cuda.get_device_properties(self.device)
        return {
            "name": known.name,
            "memory, GiB": round(known.total_memory / 2**30, 1),
            "capability": f"{known.major}.{known.minor}",
            "cuda": torch.version.cuda,
        }


def rates(on: Device, side: int) -> dict[str, float]:
    """Bytes per second of copies, multiply-adds per second of products; the best of several."""

    def best(work: Callable[[], Any]) -> float:
        return min(on.measured(work)[1] for _ in range(5))

    held = torch.empty(side * side, device=on.device)
    host = torch.empty(side * side, pin_memory=on.cuda)
    found = {
        "copy within": held.nbytes / best(held.clone),
        "copy from the CPU": host.nbytes / best(lambda: held.copy_(host)),
    }
    for dtype in (torch.float32, torch.bfloat16):
        matrix = torch.randn(side, side, device=on.device, dtype=dtype)
        name = f"matrix {str(dtype).removeprefix('torch.')}"
        found[name] = side**3 / best(lambda matrix=matrix: matrix @ matrix)
    return found


def clusters(number: int, width: int, on: Device) -> Tensor:
    """Rows ``(N, D)`` of a random ReLU layer on a mixture of Gaussians, made on the device."""
    device, draws = on.device, torch.Generator(on.device).manual_seed(0)
    centers, layer = (
        torch.randn(*shape, generator=draws, device=device) for shape in ((50, 32), (32, width))
    )
    rows = torch.empty(number, width, device=device)
    for part in rows.split(50_000):
        own = torch.randint(50, (len(part),), generator=draws, device=device)
        latent = centers[own] + torch.randn(len(part), 32, generator=draws, device=device)
        part.copy_((latent @ layer / 32**0.5 + 0.1).relu_())
    return rows


def cnn() -> nn.Module:
    return al.Sequential(
        nn.Conv2d(1, 32, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 5), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(1024, 128), nn.ReLU(), nn.Dropout(),
        nn.Linear(128, 10),
    )  # fmt: skip


def perceptron() -> nn.Module:
    return al.MultiLayerPerceptron(128, [256, 256], 10)


@dataclass(frozen=True)
class Bench:
    """A device, its rates, and the sizes of the rows."""

    on: Device
    rates: dict[str, float]
    sizes: Sizes

    def scoring(self, shape: tuple[int, ...], make: Callable[[], Any], criterion: Any) -> Found:
        """A query of all samples by a network in bfloat16."""
        number, n = shape[0], self.sizes.n
        x = clusters(number, math.prod(shape[1:]), self.on).view(shape).cpu()
        y, some = torch.arange(number) % 10, slice(self.sizes.compared)
        place = {"device": self.on.device, "dtype": torch.bfloat16}

        def strategy(rows: slice) -> al.Strategy:
            torch.manual_seed(0)
            pool = al.ActiveLearningDataset(TensorDataset(x[rows], y[rows]))
            pool.annotate_random(KNOWN, seed=0)
            batch = self.sizes.batch
            return al.Strategy(
                make().build(), pool, criterion=criterion, seed=0, test_batch_size=batch
            ).build()

        exact, whole = strategy(some), strategy(slice(None)).to(**place)
        ours, theirs = list(strategy(some).to(**place).query(n)), list(exact.query(n))
        ids = exact.train_pool.unannotated_indices
        known = [criterion(part) for part in exact.predictions(exact.train_pool, ids)]
        scores = dict(zip(ids.tolist(), torch.cat(known).tolist(), strict=True))
        query, seconds, gib = self.on.measured(lambda: whole.query(n))
        network = make().build().to(**place).eval()

        def forward(rows: Tensor) -> None:
            network(rows.to(self.on.device).bfloat16())

        with torch.no_grad():
            with FlopCounterMode(display=False) as counter:
                forward(x[: self.sizes.batch])
            parts = x.split(self.sizes.batch)
            bare = self.on.measured(lambda: [forward(part) for part in parts])[1]
        products = counter.get_total_flops() / 2 / len(parts[0]) * number
        return {
            **self._row(seconds, gib, "copy from the CPU", x.nbytes, "bfloat16", products),
            "bare": seconds / bare,
            **agreement(ours, theirs, lambda picks: sum(scores[pick] for pick in picks)),
            "again": list(whole.query(n)) == list(query),
        }

    def selection(self, number: int, selector: Any, precision: str = "highest") -> Found:
        """Selection of features on the device, and probabilities if the selector reads them."""
        x, n = clusters(number, self.sizes.width, self.on), self.sizes.n
        arrays = {"embeddings": x}
        if "outputs" in selector.needs:
            arrays["probabilities"] = x[:, :10].softmax(1)

        def picked(arrays: dict[str, Tensor]) -> list[int]:
            known = range(0, len(arrays["embeddings"]), len(arrays["embeddings"]) // KNOWN)
            return list(al.select(n, **arrays, annotated=known, selector=selector, seed=0))  # type: ignore[arg-type]

        some = {name: rows[: self.sizes.compared] for name, rows in arrays.items()}
        host = {name: rows.cpu() for name, rows in some.items()}
        torch.set_float32_matmul_precision(precision)
        try:
            ours = picked(some)
            picks, seconds, gib = self.on.measured(lambda: picked(arrays))
            again = picked(arrays) == picks
        finally:
            torch.set_float32_matmul_precision("highest")
        outputs, kind = host.get("probabilities"), "probabilities"
        prediction = al.Prediction(outputs, kind=kind, features=host["embeddings"])
        points = selector.space(Candidates(prediction=prediction))[0]
        nbytes, products = sum(rows.nbytes for rows in arrays.values()), number * n * x.shape[1]
        return {
            **self._row(seconds, gib, "copy within", nbytes, "float32", products),
            **agreement(ours, picked(host), partial(objective, selector, points)),
            "again": again,
        }

    def _row(
        self, seconds: float, gib: float | None, copy: str, nbytes: int, kind: str, products: float
    ) -> Found:
        return {
            "seconds": seconds,
            "GiB": gib,
            "copy": seconds / (nbytes / self.rates[copy]),
            "matrix": seconds / (products / self.rates[f"matrix {kind}"]),
        }


def agreement(ours: list[int], theirs: list[int], quality: Callable[[list[int]], float]) -> Found:
    equal = len({*ours} & {*theirs}) / len(theirs)
    return {"equal": equal, "quality": quality(ours) / quality(theirs)}


def objective(selector: Any, points: Points, picks: list[int]) -> float:
    """Objective of the picks, higher is better; with the annotated rows where these count."""
    if isinstance(selector, TypiClust):
        near = points[torch.tensor(picks)].distances(points).topk(21, largest=False).values
        return 1 / float(near[:, 1:].mean())
    held = (
        []
        if isinstance(selector, al.KMeansPlusPlus)
        else range(0, len(points), len(points) // KNOWN)
    )
    apart = points.nearest(points[torch.tensor([*picks, *held])])
    if isinstance(selector, MaxHerding):
        return float((-apart.square()).exp().mean())
    return 1 / float(apart.max() if isinstance(selector, al.KCenter) else apart.square().sum())


def rows_of(bench: Bench) -> dict[str, Callable[[], Found]]:
    """All rows by name, the small ones first."""
    sizes = bench.sizes
    images, more = (sizes.images, 1, 28, 28), sizes.samples
    dropout = lambda: al.MCDropout(cnn(), more)  # noqa: E731
    rows: dict[str, Callable[[], Found]] = {
        f"scoring {images[0]:,} images": partial(bench.scoring, images, cnn, al.Margin()),
        f"MC dropout x {more}, {images[0]:,} images": partial(
            bench.scoring, images, dropout, al.criteria.BALD()
        ),
    }
    for number in (sizes.images, sizes.pool):
        for name, selector in {
            "k-center": al.KCenter(),
            "k-means++": al.KMeansPlusPlus(),
            "BADGE": al.KMeansPlusPlus(space=GradientEmbedding()),
            "TypiClust": TypiClust(),
            "herding": MaxHerding(),
        }.items():
            rows[f"{name}, {number:,}"] = partial(bench.selection, number, selector)
    rows[f"k-center in TF32, {sizes.pool:,}"] = partial(
        bench.selection, sizes.pool, al.KCenter(), "high"
    )
    rows[f"scoring {sizes.pool:,} rows"] = partial(
        bench.scoring, (sizes.pool, 128), perceptron, al.Margin()
    )
    return rows


class OutOfTime(BaseException):
    """The time of the whole run is over."""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise OutOfTime in the block after some seconds, where the system has such signals."""

    def stop(*_: object) -> None:
        raise OutOfTime

    if not hasattr(signal, "setitimer"):
        yield
        return
    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def run(rows: dict[str, Callable[[], Found]], on: Device, budget: float) -> list[Found]:
    """All rows; an error of one is recorded in it."""
    started, done = time.perf_counter(), []
    for place, (name, work) in enumerate(rows.items(), 1):
        left = budget - (time.perf_counter() - started)
        print(f"[{budget - left:5.1f} s] {place}/{len(rows)} {name}", file=sys.stderr, flush=True)
        found: Found = {"row": name}
        try:
            if left <= 0:
                raise OutOfTime
            with limited(left):
                found |= work()
        except OutOfTime:
            found["error"] = "not reached"
        except Exception as error:  # each row has its own guard
            found["error"] = f"{type(error).__name__}: {error}".split("\n")[0]
        done.append(found)
        on.freed()
    return done


COLUMNS = ("seconds", "GiB", "copy", "matrix", "bare", "equal", "quality")


def shown(rows: list[Found]) -> str:
    """The rows as a table."""
    width = max(len(row["row"]) for row in rows)
    lines = [" " * width + "".join(f"{name:>9s}" for name in (*COLUMNS, "again"))]
    for row in rows:
        numbers = (row.get(name) for name in COLUMNS)
        cells = "".join(" " * 9 if x is None else f"{x:9.3g}" for x in numbers)
        again = {True: "yes", False: "no"}[row["again"]] if "again" in row else ""
        text = f"  {row['error']}" if "error" in row else f"{cells}{again:>9s}"
        lines.append(f"{row['row']:{width}s}{text}")
    return "\n".join(lines)


def without_gpu(out: Path | None) -> None:
    """Print that there is no GPU, and write it into a record that has no figures of one."""
    note = "none was there: torch found no CUDA device"
    print(f"GPU: {note}")
    if out is None or (out.exists() and json.loads(out.read_text())["gpu"] is not None):
        return
    out.write_text(json.dumps(made() | {"gpu": None, "note": note}, indent=1) + "\n")


def made() -> Found:
    return {"date": datetime.date.today().isoformat(), "torch": torch.__version__}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--small", action="store_true", help="sizes of a test")
    parser.add_argument("--budget", type=float, default=BUDGET, help="seconds of all rows")
    parser.add_argument("--out", type=Path, help="JSON file; default: the record, of a GPU")
    options = parser.parse_args(arguments)
    on, out = Device(options.device), options.out
    if out is None and on.cuda and not options.small:
        out = RECORD
    if on.cuda and not torch.cuda.is_available():
        without_gpu(out)
        return 0
    warnings.filterwarnings("ignore", ".*not trained since it was built.*")
    sizes = SMALL if options.small else Sizes()
    found = rates(on, sizes.side)
    for name, rate in found.items():
        print(f"{name:18s} {rate / 1e9:12,.1f} G/s", file=sys.stderr)
    rows = run(rows_of(Bench(on, found, sizes)), on, options.budget)
    print(shown(rows))
    if out is not None:
        whole = made() | {
            "gpu": on.described(),
            "sizes": asdict(sizes),
            "rates": found,
            "rows": rows,
        }
        out.write_text(json.dumps(whole, indent=1) + "\n")
    late = [row for row in rows if row.get("error") == "not reached"]
    low = [row for row in rows if row.get("quality", LOWEST) < LOWEST]
    failed = [row for row in rows if "error" in row and row not in late]
    return int(bool(low or failed))


if __name__ == "__main__":
    sys.exit(main())
