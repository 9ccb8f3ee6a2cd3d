"""MNIST with 100 labels: semi-supervised training on an actively chosen set.

The first ``--start`` labels go to typical images (TypiClust on the principal components of the
pixels, which needs no model). The rest follow in ``--rounds`` equal parts, each the k-means medoids
of the images that the current network is least sure about (margin). Training is FixMatch
(``SemiSupervisedStrategy``), with the weights kept from round to round. The baseline trains on 100
random labels for the same number of steps. The network is small and runs in bfloat16; a step
processes 32 annotated and twice 128 unannotated images (12 GFLOP; 2,500 steps are 30 TFLOP).
Averaging the weights over the steps is left out: in four short runs it was never better than the
weights at the end of the schedule.

    python benchmarks/mnist_record.py --seed 0 --out benchmarks/results/mnist_record.json
    python benchmarks/mnist_record.py --seed 0 --steps 40 --explore 20    # check that it runs

A run covers one seed of both sets; its results and times are added to ``--out``. Each set has
``--max-minutes`` (40). If time runs out, the network is tested as trained so far, and the record
states this. Target: a median over three seeds of 0.99 (the record has 0.9915, 0.9921 and 0.9925, in
10 to 17 minutes on one thread of a busy machine; random labels .9767, .9884, .9762). The published
accuracy is 0.984 with 1,680 labels (Deep Learning Crash Course, the adversarial strategy of
``mnist_protocol.py``).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision
from mnist_protocol import keep_freed_memory
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR
from torch.utils.data import TensorDataset
from torchmetrics import Accuracy

import alkit as al

TARGET = 0.99


@dataclass
class Recipe:
    """Numbers of labels to buy and settings of the training."""

    labels: int = 100
    start: int = 40
    rounds: int = 2  # queries after the start
    explore: int = 500  # steps before each query
    steps: int = 1_500  # steps on all labels
    batch_size: int = 32
    unlabeled_batch_size: int = 128
    threshold: float = 0.95
    unlabeled_weight: float = 1.0  # 0: supervised
    lr: float = 5e-3
    width: int = 64
    precision: str = "bf16-mixed"
    max_minutes: float = 40.0


def network(width: int) -> nn.Module:
    """Four convolutions on sides of 14, 14, 7 and 4 pixels, and a global average."""

    def layer(inputs: int, outputs: int, size: int = 3, stride: int = 1) -> list[nn.Module]:
        convolution = nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)
        return [convolution, nn.BatchNorm2d(outputs), nn.ReLU()]

    return nn.Sequential(
        *layer(1, width // 2, 5, 2),
        *layer(width // 2, width),
        nn.MaxPool2d(2, ceil_mode=True),
        *layer(width, 2 * width),
        nn.MaxPool2d(2, ceil_mode=True),
        *layer(2 * width, 2 * width),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(2 * width, 10),
    )


def principal_components(images: torch.Tensor, count: int) -> np.ndarray:
    """Leading principal components ``(N, count)`` of images ``(N, 1, H, W)``."""
    x = images.flatten(1)
    x = x - x.mean(0)
    _, vectors = torch.linalg.eigh(x.T @ x)  # ascending
    return (x @ vectors[:, -count:]).numpy()


def run(
    chosen: str, seed: int, recipe: Recipe, train: TensorDataset, test: TensorDataset
) -> dict[str, Any]:
    """Buy the labels (``chosen``: "active" or "random"), train and test."""
    started = time.perf_counter()
    deadline = started + 60 * recipe.max_minutes
    pool = al.ActiveLearningDataset(train)
    torch.manual_seed(seed)
    strategy = al.SemiSupervisedStrategy(
        network(recipe.width).to(memory_format=torch.channels_last),
        pool,
        criterion=al.Margin(),
        selector=al.Prefilter(30, al.selectors.KMeans()),
        threshold=recipe.threshold,
        unlabeled_weight=recipe.unlabeled_weight,
        batch_size=recipe.batch_size,
        unlabeled_batch_size=recipe.unlabeled_batch_size,
        steps_per_epoch=100,
        test=test,
        test_batch_size=500,
        test_metrics=[Accuracy(task="multiclass", num_classes=10)],
        seed=seed,
    ).build()
    rows: list[dict[str, Any]] = []

    def train_for(steps: int) -> None:
        strategy.module.optimizer = al.training.AdamW(lr=recipe.lr, weight_decay=0.02).schedule(
            CosineAnnealingLR, interval="step", T_max=steps
        )
        left = timedelta(seconds=max(1.0, deadline - time.perf_counter()))
        quiet = {"precision": recipe.precision, "enable_progress_bar": False}
        history = strategy.fit(max_steps=steps, max_time=left, **quiet)
        accuracy = strategy.test(precision=recipe.precision)["testMulticlassAccuracy"]
        rows.append(
            {
                "labels": pool.get_num_annotated(),
                "steps": len(history.step_history["train_loss_step"]["value"]),
                "accuracy": accuracy,
                "pseudo_labeled": history.history["train_pseudo_labeled_epoch"]["value"][-1],
                "minutes": (time.perf_counter() - started) / 60,
            }
        )
        print(chosen, f"seed {seed}", rows[-1], flush=True)

    total = recipe.steps
    if chosen == "random":
        pool.annotate_random(recipe.labels, seed=seed)
        total += recipe.rounds * recipe.explore
    else:
        space = principal_components(train.tensors[0], 30)
        pool.annotate(
            al.select(recipe.start, embeddings=space, selector=al.selectors.TypiClust(), seed=seed)
        )
        for left in range(recipe.rounds, 0, -1):
            train_for(recipe.explore)
            strategy.query_and_update((recipe.labels - pool.get_num_annotated()) // left)
    train_for(total)
    return {
        "chosen": chosen,
        "seed": seed,
        "accuracy": rows[-1]["accuracy"],
        "minutes": (time.perf_counter() - started) / 60,
        "out_of_time": rows[-1]["steps"] < recipe.rounds * recipe.explore + recipe.steps,
        "rounds": rows,
        "annotated": pool.annotated_indices.tolist(),
        "recipe": vars(recipe),
    }


def mnist(folder: Path, part: bool) -> TensorDataset:
    data = torchvision.datasets.MNIST(folder, train=part)
    return TensorDataset(data.data[:, None] / 255, data.targets)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sets", default="active,random")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path, help="JSON file to which runs are added")
    default_data = Path(__file__).parents[2] / "shared" / "data"
    parser.add_argument("--data-dir", default=os.environ.get("ALKIT_DATA", default_data))
    for name, value in vars(Recipe()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    args = parser.parse_args()

    keep_freed_memory()
    torch.set_num_threads(args.threads)
    recipe = Recipe(**{name: getattr(args, name) for name in vars(Recipe())})
    train, test = mnist(args.data_dir, True), mnist(args.data_dir, False)
    for chosen in args.sets.split(","):
        result = run(chosen, args.seed, recipe, train, test) | {
            "threads": args.threads,
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "versions": {"alkit": al.__version__, "torch": torch.__version__},
        }
        if args.out:
            args.out.parent.mkdir(parents=True, exist_ok=True)
            old = json.loads(args.out.read_text()) if args.out.exists() else []
            same = (chosen, args.seed)
            kept = [entry for entry in old if (entry["chosen"], entry["seed"]) != same]
            results = [*kept, result]
            args.out.write_text(json.dumps(results, indent=1))
            accuracies = [entry["accuracy"] for entry in results if entry["chosen"] == chosen]
            print(f"{chosen}: median {statistics.median(accuracies):.4f} of {len(accuracies)} runs")


if __name__ == "__main__":
    main()
