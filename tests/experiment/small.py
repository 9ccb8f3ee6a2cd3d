"""A comparison that takes a second, of factories that can be sent to other processes."""

import torch
from torch import nn
from torch.utils.data import TensorDataset
from torchmetrics.classification import MulticlassAccuracy

import alkit as al

X = torch.randn(60, 4, generator=torch.Generator().manual_seed(0))
Y = (X[:, 0] > 0).long() + (X[:, 1] > 0).long()
DATA = TensorDataset(X[:40], Y[:40])
TEST = TensorDataset(X[40:], Y[40:])


def network():
    return al.Sequential(
        al.MultiLayerPerceptron(4, [8], 8), al.Layer(nn.Dropout, p=0.2), al.Layer(nn.Linear, 8, 3)
    )


def options(seed):
    return {
        "test": TEST,
        "seed": seed,
        "batch_size": 8,
        "test_metrics": [MulticlassAccuracy(num_classes=3, average="micro")],
    }


def uniform(pool, seed):
    return al.UniformStrategy(network(), pool, **options(seed))


def margin(pool, seed):
    return al.UncertaintyStrategy(network(), al.Margin(), pool, **options(seed)).build()


def compare(strategies=None, **changes):
    settings = {"seeds": [3, 4], "rounds": 3, "query_size": 6, "max_steps": 4, "progress": False}
    strategies = strategies or {"uniform": uniform, "margin": margin}
    return al.compare(strategies, DATA, **{**settings, **changes})


def lasting(rows):
    """Rows without what differs between two runs of the same: seconds and memory."""
    return [
        {k: v for k, v in row.items() if not k.startswith(("seconds", "peak_memory"))}
        for row in rows
    ]
