"""The code of ``mnist_record.py``, on scikit-learn's digits."""

from importlib import import_module

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch.utils.data import TensorDataset
from torchmetrics import Accuracy

import alkit as al

SMALL = {
    "labels": 40,
    "start": 20,
    "rounds": 1,
    "explore": 80,
    "steps": 160,
    "width": 16,
    "batch_size": 20,
    "unlabeled_batch_size": 60,
    "threshold": 0.9,
    "precision": "32-true",
}


@pytest.fixture
def record(part):
    return import_module("mnist_record")


@pytest.fixture
def digits():
    digits = load_digits()
    x = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16
    y = torch.tensor(digits.target)
    order = np.random.default_rng(0).permutation(len(x))
    return [TensorDataset(x[part], y[part]) for part in (order[:1200], order[1200:])]


def supervised(record, train, test, annotated, steps, seed):
    """Accuracy of the same network trained on the same labels alone."""
    pool = al.ActiveLearningDataset(train)
    pool.annotate(annotated)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        strategy = al.Strategy(
            record.network(SMALL["width"]),
            pool,
            batch_size=20,
            steps_per_epoch=100,
            optimizer=al.training.AdamW(lr=5e-3, weight_decay=0.02),
            test=test,
            test_metrics=[Accuracy(task="multiclass", num_classes=10)],
            seed=seed,
        ).build()
        strategy.fit(max_steps=steps, enable_progress_bar=False)
    return strategy.test()["testMulticlassAccuracy"]


def test_with_forty_labels_it_beats_supervised_training_on_the_same_ones(record, digits):
    train, test = digits
    gains, reached = [], []
    for seed in range(2):
        with torch.random.fork_rng():
            result = record.run("active", seed, record.Recipe(**SMALL), train, test)
        assert [row["labels"] for row in result["rounds"]] == [20, 40]
        assert [row["steps"] for row in result["rounds"]] == [80, 240]
        assert len(result["annotated"]) == 40
        assert not result["out_of_time"]
        plain = supervised(record, train, test, result["annotated"], 240, seed)
        gains.append(result["accuracy"] - plain)
        reached.append(result["accuracy"])
    assert np.mean(gains) > 0.03
    assert np.mean(reached) > 0.9


def test_random_labels_take_as_many_steps_and_time_that_is_up_is_recorded(record, digits):
    small = {**SMALL, "explore": 4, "steps": 6}
    result = record.run("random", 0, record.Recipe(**small), *digits)
    assert [row["steps"] for row in result["rounds"]] == [10]
    late = record.Recipe(**{**small, "steps": 100_000, "max_minutes": 0.0})
    assert record.run("random", 0, late, *digits)["out_of_time"]
