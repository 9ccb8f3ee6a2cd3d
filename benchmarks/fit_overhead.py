"""Cost of ``strategy.fit`` compared with a bare torch loop, on 120 annotated MNIST images.

Runs the same network, optimizer, batch size, weights and number of steps in four ways, in turns:

    bare        tensors in memory, one permutation per pass, forward, backward, step; nothing else
    alkit       ``strategy.fit(max_steps=...)``: a pool of these tensors, a history of every loss
    all off     Lightning's Trainer without logger, checkpoint or bar; a module that logs nothing
    lightning   the same strategy in Lightning's Trainer with its defaults (logger, checkpoint)

Times are CPU seconds, as the median and the minimum over the repeats; ratios compare the minimum
with that of the bare loop. Timings are warm: each way first runs one fit, reported as "cold".

    python benchmarks/fit_overhead.py --out benchmarks/results/fit_overhead.json

Exits with 1 if alkit is above ``--limit`` (1.1). The remaining overhead is about 2 ms per step:
half of it is Lightning's loop, most of the rest its ``self.log``. The last
record has .98 to 1.05 for the course's CNN (29 to 110 ms per step), 1.08 and 1.10 for the small one
at 25 ms, and 1.21 and 1.25 at 8 ms, where Lightning takes 1.09 and 1.24 with all off. Takes 10
minutes.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import io
import json
import logging
import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import lightning
import torch
import torchvision
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import alkit as al

LABELS = 120
QUIET = ("lightning.pytorch", "lightning.pytorch.utilities.rank_zero")  # loggers


def network(widths: list[int], latent: int) -> al.blocks.Block:
    """The course's CNN (see ``mnist_protocol.py``) with any widths."""
    backbone = al.ConvolutionalNeuralNetwork(1, widths, latent)
    backbone.blocks[1:].pool.configure(nn.MaxPool2d, kernel_size=2)
    backbone.blocks[-1].append(al.Layer(nn.AdaptiveAvgPool2d, output_size=1))
    backbone.blocks[-1].append(al.Layer(nn.Flatten))
    return al.Sequential(backbone, al.MultiLayerPerceptron(latent, [], 10))


NETWORKS = {
    "course": lambda: network([64] * 4, 128),  # 186,570 parameters
    "small": lambda: network([16, 32], 64),
}


def keep_freed_memory() -> None:
    """Make glibc keep freed memory for reuse, for every way alike.

    By default it may return large temporaries to the system after one layer and request them again
    at the next. It depends on the heap layout, and by chance costs up to two fifths of a pass.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        trim_threshold, mmap_max = -1, -4
        mallopt(trim_threshold, 2**31 - 1)
        mallopt(mmap_max, 0)


def bare(net: nn.Module, x: torch.Tensor, y: torch.Tensor, steps: int, batch_size: int) -> None:
    """Plain training loop as written by hand."""
    net.train()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    parts = -(-len(x) // batch_size)
    done = 0
    while done < steps:
        for batch in torch.randperm(len(x)).tensor_split(parts):
            loss = nn.functional.cross_entropy(net(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            done += 1
            if done == steps:
                return


class Silent(lightning.LightningModule):
    """The minimal module for Lightning: a network and its loss, without logging."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def training_step(self, batch: list[torch.Tensor], batch_idx: int) -> torch.Tensor:
        return nn.functional.cross_entropy(self.net(batch[0]), batch[1])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=1e-3)


def in_turns(
    ways: dict[str, Callable[[], object]], repeats: int, first: Callable[[], object]
) -> dict[str, list[float]]:
    """CPU seconds of each way in each repeat, after a call of ``first`` that is not counted."""
    spent: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(repeats):
        for way, run in ways.items():
            first()
            started = time.process_time()
            run()
            spent[way].append(time.process_time() - started)
    return spent


def measure(
    name: str, steps: int, batch_size: int, repeats: int, data: TensorDataset
) -> dict[str, Any]:
    """Print a table of the ways and return the warm seconds of each and alkit's ratio."""
    pool = al.ActiveLearningDataset(data)
    annotated = pool.annotate_random(LABELS, seed=0)
    x, y = (tensor[annotated] for tensor in data.tensors)
    torch.manual_seed(0)
    strategy = al.UniformStrategy(
        NETWORKS[name](), pool, batch_size=batch_size, optimizer=al.Adam(lr=1e-3), seed=0
    ).build()

    net = strategy.module.model
    loader = DataLoader(TensorDataset(x, y), -(-len(x) // -(-len(x) // batch_size)), shuffle=True)
    off = ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary")

    def all_off() -> None:
        lightning.Trainer(max_steps=steps, **dict.fromkeys(off, False)).fit(Silent(net), loader)

    def default_trainer() -> None:
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            lightning.Trainer(max_steps=steps, default_root_dir=folder).fit(strategy)

    ways = {
        "bare": lambda: bare(net, x, y, steps, batch_size),
        "alkit": lambda: strategy.fit(max_steps=steps, enable_progress_bar=False),
        "all off": all_off,
        "lightning": default_trainer,
    }
    spent = in_turns(ways, repeats + 1, strategy.reset_model)
    best = {way: min(seconds[1:]) for way, seconds in spent.items()}
    for way, (cold, *warm) in spent.items():
        print(
            f"{name:8s} batch {batch_size:4d}  {steps:4d} steps  {way:10s} "
            f"cold {cold:7.3f} s  median {statistics.median(warm):7.3f} s  "
            f"min {best[way]:7.3f} s  ratio {best[way] / best['bare']:5.2f}",
            flush=True,
        )
    row = {"network": name, "batch_size": batch_size, "steps": steps, "seconds": best}
    return row | {"ratio": best["alkit"] / best["bare"]}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--networks", default=",".join(NETWORKS))
    parser.add_argument("--steps", type=int, nargs="+", default=[10, 100])
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[128, 32])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--limit", type=float, default=1.1)
    default_data = Path(__file__).parents[2] / "shared" / "data"
    parser.add_argument("--data-dir", default=os.environ.get("ALKIT_DATA", default_data))
    parser.add_argument("--out", type=Path, help="JSON file for the results")
    args = parser.parse_args(arguments)

    keep_freed_memory()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    for logger in QUIET:
        logging.getLogger(logger).setLevel(logging.ERROR)
    mnist = torchvision.datasets.MNIST(args.data_dir, train=True)
    data = TensorDataset(mnist.data[:, None] / 255, mnist.targets)
    rows = [
        measure(name, steps, batch_size, args.repeats, data)
        for name in args.networks.split(",")
        for batch_size in args.batch_sizes
        for steps in args.steps
    ]
    if args.out:
        versions = {"torch": torch.__version__, "lightning": lightning.__version__}
        args.out.write_text(json.dumps(versions | {"rows": rows}, indent=1) + "\n")
    missed = [
        f"{row['network']}, batch {row['batch_size']}, {row['steps']} steps: {row['ratio']:.2f}"
        for row in rows
        if row["ratio"] > args.limit
    ]
    print(f"above {args.limit}: " + "; ".join(missed) if missed else "all limits are met")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
