"""Speed of two trials in parallel on two cores, against one after the other.

    python benchmarks/executors.py
    python benchmarks/executors.py --ray

Runs two trials of a convolutional network on scikit-learn's digits, with one torch thread each:
first in this process, then in a pool of two. The workers have started and loaded torch before the
clock starts, so the figures match those of a long comparison. The best of three repeats counts, and
the records must be equal. Last result, on two idle cores: 10.1 s one after the other, 5.9 s in
parallel, a ratio of 0.59.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import torch
from sklearn.datasets import load_digits
from torch.utils.data import TensorDataset
from torchmetrics.classification import MulticlassAccuracy

import alkit as al
from alkit.cli.networks import classifier_parts

STEPS = 150


def digits() -> tuple[TensorDataset, TensorDataset]:
    """Training and test images, doubled in size to suit a convolutional network."""
    found = load_digits()
    x = torch.tensor(found.images, dtype=torch.float32)[:, None] / 16
    x = torch.nn.functional.interpolate(x, scale_factor=2)
    y = torch.tensor(found.target)
    return TensorDataset(x[:1297], y[:1297]), TensorDataset(x[1297:], y[1297:])


def uniform(pool: al.ActiveLearningDataset, seed: int) -> al.ActiveLearner:
    backbone, head, _ = classifier_parts((1, 16, 16), 10)
    return al.UniformStrategy(
        al.Sequential(backbone, head), pool, test=digits()[1], test_batch_size=256,
        steps_per_epoch=STEPS, test_metrics=[MulticlassAccuracy(10, average="micro")], seed=seed,
    )  # fmt: skip


def seconds(executor: Any) -> tuple[float, list[Any]]:
    started = time.perf_counter()
    result = al.compare(
        {"uniform": uniform}, digits()[0], seeds=[0, 1], rounds=3, query_size=40,
        max_steps=STEPS, executor=executor, progress=False,
    )  # fmt: skip
    return time.perf_counter() - started, [(r["picked"], r[result.metric]) for r in result.rows]


def warm(_: int) -> int:
    """Make a worker load its data and libraries."""
    digits()
    time.sleep(1)  # long enough for the other worker to take a task, too
    return os.getpid()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--ray", action="store_true", help="use two workers of a local Ray")
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.ray:
        import ray

        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
        executor: Any = "ray"
    else:
        context = multiprocessing.get_context("spawn")
        executor = ProcessPoolExecutor(2, mp_context=context)
        list(executor.map(warm, range(2)))
    serial, parallel = [], []
    for k in range(args.repeats + args.ray):
        alone, expected = seconds(None)
        together, found = seconds(executor)
        if found != expected:
            raise SystemExit("the records differ")
        if k >= args.ray:  # Ray's workers load torch in the first repeat
            serial.append(alone)
            parallel.append(together)
    ratio = min(parallel) / min(serial)
    print(
        f"one after the other {min(serial):.1f} s, in parallel {min(parallel):.1f} s: "
        f"ratio {ratio:.2f} (0.5 would be perfect) on {os.cpu_count()} cores"
    )


if __name__ == "__main__":
    main()
