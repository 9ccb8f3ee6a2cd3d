"""Run one method on one size in a separate process; started by ``pool_scale.py``.

    python benchmarks/pool_scale_run.py '{"workload": "k-center", "method": "alkit", ...}'

Prints one line of JSON, as ``selection_run.py`` does.
"""

from __future__ import annotations

import logging
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import selection_alkit
import torch
from large_selectors import Memory
from selection_run import cpu_seconds, limit_memory, main
from selection_workloads import Arrays, Size
from torch import nn
from torch.utils.data import Dataset

import alkit as al

Work = Callable[[], np.ndarray]
Method = Callable[[Arrays, int], Work]
NEIGHBORS = 20  # the default of TypiClust
CLASS = 0  # the class of all annotated samples, where the method needs one


class Lists(Sequence[list[float]]):
    """Rows as the lists that LightlyStudio's engine takes, made a thousand at a time."""

    def __init__(self, rows: np.ndarray) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: Any) -> Any:
        return self.rows[index].astype(np.float32).tolist()

    def __iter__(self) -> Iterator[list[float]]:
        for start in range(0, len(self), 1000):
            yield from self[start : start + 1000]


class Samples(Dataset):
    """Dataset of rows on disk that reads whole batches."""

    def __init__(self, rows: np.ndarray) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[tuple[torch.Tensor, int]]:
        rows = torch.from_numpy(self.rows[np.asarray(indices)].astype(np.float32))
        return [(row, index % 10) for row, index in zip(rows, indices, strict=True)]


def kmeanspp_of_strategy(arrays: Arrays, n: int) -> Work:
    """A query of a strategy, with float16 features in a file; the rows are the features."""
    pool = al.ActiveLearningDataset(Samples(arrays.rows))
    pool.annotate(range(len(arrays.pool), len(arrays.rows)))
    torch.manual_seed(0)
    network = nn.Sequential(nn.Identity(), nn.Linear(arrays.rows.shape[1], 10))
    options: dict[str, Any] = {"selector": al.KMeansPlusPlus(), "test_batch_size": 1000, "seed": 0}
    strategy = al.Strategy(network, pool, **options).build()
    strategy.storage = al.querying.Storage("float16", share=0)
    return lambda: strategy.query(n, progress=False).indices


def similarity(arrays: Arrays, n: int) -> Work:
    known = np.arange(len(arrays.pool), len(arrays.rows))
    labels = np.full(len(known), CLASS)
    selector = al.selectors.FacilityLocationMutualInformation([CLASS])
    return lambda: np.asarray(
        al.select(
            n, embeddings=arrays.rows, annotated=known, labels=labels, selector=selector, seed=0
        )
    )


def engine_kcenter(arrays: Arrays, n: int) -> Work:
    engine = import_module("lightly_mundig")

    def work() -> np.ndarray:
        every, known = len(arrays.rows), range(len(arrays.pool), len(arrays.rows))
        selection = engine.Selection()
        selection.add_diversifying_strategy(Lists(arrays.rows), 1.0)
        return np.array(selection.run_selection(list(known), every, len(known) + n))[len(known) :]

    return work


def engine_typicality(arrays: Arrays, n: int) -> Work:
    engine = import_module("lightly_mundig")

    def work() -> np.ndarray:
        values = engine.Typicality(Lists(arrays.pool)).calculate_typicality(NEIGHBORS)
        return np.argsort(values)[::-1][:n]

    return work


def engine_similarity(arrays: Arrays, n: int) -> Work:
    engine = import_module("lightly_mundig")

    def work() -> np.ndarray:
        wanted = Lists(arrays.rows[len(arrays.pool) :])
        values = engine.Similarity(Lists(arrays.pool)).calculate_similarity(wanted)
        return np.argsort(values)[::-1][:n]

    return work


def of_alkit(name: str) -> Method:
    return selection_alkit.METHODS[name]["alkit"]


METHODS: dict[str, dict[str, Method]] = {
    "margin": {"alkit": of_alkit("margin")},
    "k-center": {"alkit": of_alkit("k-center"), "engine": engine_kcenter},
    "k-means++": {"alkit": selection_alkit.on_features(al.KMeansPlusPlus)},
    "BADGE": {"alkit": of_alkit("BADGE")},
    "TypiClust": {"alkit": of_alkit("TypiClust"), "engine": engine_typicality},
    "similarity": {"alkit": similarity, "engine": engine_similarity},
    "k-means++ of a strategy": {"alkit": kmeanspp_of_strategy},
}


def last(size: Size, folder: Path) -> Arrays:
    """The last ``N`` candidates of the files, and all annotated rows, which follow them."""
    rows, probabilities = (
        np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("rows", "probabilities")
    )
    return Arrays(rows[-size.N - size.A :], probabilities[-size.N :], size.A)


def measure(task: dict[str, Any]) -> dict[str, Any]:
    """CPU and wall seconds of each repeat; peak of anonymous memory in the first; picks."""
    size, folder = Size(**task["size"]), Path(task["folder"])
    method = METHODS[task["workload"]][task["method"]]
    try:
        method(last(Size(300, 5, A=size.A), folder), 5)()  # imports, and what the first call makes
    except ImportError as error:
        return {"status": f"not installed ({error.name})"}
    arrays = last(size, folder)
    found: dict[str, Any] = {"status": "ok", "seconds": [], "cpu_seconds": []}
    limit_memory(task["memory_gb"])
    for repeat in range(task["repeat"]):
        signal.setitimer(signal.ITIMER_PROF, task["timeout"] * task["threads"])
        with Memory() as memory:
            wall, cpu = time.perf_counter(), cpu_seconds()
            picks = method(arrays, size.n)()
            found["cpu_seconds"].append(cpu_seconds() - cpu)
            found["seconds"].append(time.perf_counter() - wall)
        signal.setitimer(signal.ITIMER_PROF, 0)
        if not repeat:  # later repeats reuse the memory that the first one freed
            found["anonymous_gib"] = memory.gib
            found["picks"] = np.asarray(picks).tolist()
    return found


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    main(sys.argv[1], measure)
