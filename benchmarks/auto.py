"""Compare ``al.auto`` with other strategies on scikit-learn's digits, starting without labels.

For each seed: a stratified 60/40 split, a network with one hidden layer of 128 units, 200 steps of
Adam (3e-3) per round, and 20 labels, then 20 more per round up to 220. Uniform, margin and
power-margin (beta 8) need labels to start and get 20 random ones; uncertainty herding and auto
choose their first labels, too. The table shows the accuracy with the first labels, in the middle
and at the end, and the area under the budget curve, as means over the seeds.

    python benchmarks/auto.py [--out benchmarks/results/auto.json]

Exits with 1 unless auto is at least as good as uniform with the first 20 labels, no more than
.005 below margin in area, and no more than .01 below it at the end. Takes about two minutes on
one core.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import TensorDataset

import alkit as al

RANDOM_START = ("uniform", "margin", "power-margin")
METHODS: dict[str, Callable[..., al.Strategy]] = {
    "uniform": al.UniformStrategy,
    "margin": al.Strategy,
    "power-margin": lambda net, pool, **more: al.papers.power_margin(net, pool, beta=8, **more),
    "uncertainty herding": al.papers.uherding,
    "auto": al.auto,
}


def curve(name: str, seed: int, rounds: int = 11) -> tuple[list[float], list[str]]:
    """Test accuracy of each round, and the reason given for each query."""
    x, y = load_digits(return_X_y=True)
    x, x_test, y, y_test = (
        torch.from_numpy(part)
        for part in train_test_split(
            (x / 16).astype(np.float32), y, train_size=0.6, stratify=y, random_state=seed
        )
    )
    pool = al.ActiveLearningDataset(TensorDataset(x, y))
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    strategy = METHODS[name](
        net, pool, optimizer=al.Adam(lr=3e-3), test_batch_size=2048, seed=seed,
        steps_per_epoch=200,
    ).build()  # fmt: skip
    reasons, accuracies = [], []
    if name in RANDOM_START:
        pool.annotate_random(20, seed=seed)
    else:
        reasons.append(strategy.query_and_update(20).why)
    for round in range(rounds):
        strategy.reset_model()
        strategy.fit(max_steps=200, enable_progress_bar=False)
        guesses = strategy.module.model.eval()(x_test).argmax(1)  # type: ignore[union-attr]
        accuracies.append(float((guesses == y_test).double().mean()))
        if round < rounds - 1:
            reasons.append(strategy.query_and_update(20).why)
    return accuracies, reasons


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--methods", default=",".join(METHODS), help="comma-separated")
    parser.add_argument("--out", type=Path, help="JSON file to which results are added")
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    found, record = {}, {}
    print(f"{'method':20s} 20 labels  120 labels  220 labels  area")
    for name in args.methods.split(","):
        runs = [curve(name, seed) for seed in range(args.seeds)]
        values = np.array([accuracies for accuracies, _ in runs])
        mean, area = values.mean(0), float(((values[:, 1:] + values[:, :-1]) / 2).mean())
        found[name] = (mean[0], mean[-1], area)
        record[name] = {"accuracy": mean.round(4).tolist(), "area": round(area, 4)}
        print(f"{name:20s} {mean[0]:9.3f}  {mean[5]:10.3f}  {mean[-1]:10.3f}  {area:.3f}",
              flush=True)  # fmt: skip
        if name == "auto":
            record[name]["why"] = runs[0][1]
            print("  the first seed:", *runs[0][1], sep="\n    ")
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        old = json.loads(args.out.read_text()) if args.out.exists() else {}
        record = old | record | {"seeds": args.seeds, "versions": {"alkit": al.__version__}}
        args.out.write_text(json.dumps(record, indent=1) + "\n")
    if not {"uniform", "margin", "auto"} <= found.keys():
        return
    (first, _, _), (_, end, area) = found["uniform"], found["margin"]
    auto_first, auto_end, auto_area = found["auto"]
    if auto_first < first or auto_area < area - 0.005 or auto_end < end - 0.01:
        sys.exit("missed: auto must not be behind uniform at the start, nor behind margin later")


if __name__ == "__main__":
    main()
