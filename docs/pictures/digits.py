"""Draw digits.svg, the figure of the home page: margin against uniform on the digits.

    python docs/pictures/digits.py

Runs ten paired trials, in about two minutes on one core.
"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import torch
from torchmetrics import Accuracy

import alkit as al
from alkit.cli import datasets

train, test = datasets.load("digits")


def network() -> al.Block:
    return al.Sequential(al.Layer(torch.nn.Flatten), al.MultiLayerPerceptron(64, [128], 10))


def options(seed: int) -> dict:
    return {
        "test": test,
        "test_metrics": [Accuracy(task="multiclass", num_classes=10)],
        "optimizer": al.Adam(lr=3e-3),
        "steps_per_epoch": 100,
        "test_batch_size": 500,
        "seed": seed,
    }


def uniform(pool: al.ActiveLearningDataset, seed: int) -> al.ActiveLearner:
    return al.UniformStrategy(network(), pool, **options(seed))


def margin(pool: al.ActiveLearningDataset, seed: int) -> al.ActiveLearner:
    return al.UncertaintyStrategy(network(), al.Margin(), pool, **options(seed))


def main() -> None:
    torch.set_num_threads(1)
    result = al.compare(
        {"uniform": uniform, "margin": margin}, train,
        seeds=range(10), rounds=10, query_size=20, max_steps=100, ceiling=1000, progress=False,
    )  # fmt: skip
    print(result.verdict())
    print(result.summary())
    figure, ax = plt.subplots(figsize=(5.6, 3.9), layout="constrained")
    result.plot(ax)
    ax.set_ylim(0.55, 1)
    plt.rcParams["svg.hashsalt"] = "digits"  # equal results give an identical file
    figure.savefig(Path(__file__).with_suffix(".svg"), metadata={"Date": None})


if __name__ == "__main__":
    main()
