"""A pool that repeats itself, in which choosing helps, and strategies of estimators over it."""

import numpy as np
import torch
from sklearn.neighbors import KNeighborsClassifier
from torch.utils.data import TensorDataset

import alkit as al


def redundant(seed=0, size=600, groups=9):
    """Six of ten samples are in one group, so random labels repeat it: each group is a class."""
    draws = np.random.default_rng(seed)
    group = draws.choice(groups, size, p=[0.6] + [0.4 / (groups - 1)] * (groups - 1))
    x = np.eye(groups)[group] * 4 + draws.normal(0, 0.3, size=(size, groups))
    return x.astype(np.float32), group


def estimator(x, y, *query, labels=100, model=None, seed=0, dataset=None):
    dataset = dataset or TensorDataset(torch.from_numpy(x), torch.from_numpy(y))
    pool = al.ActiveLearningDataset(dataset)
    pool.annotate_random(labels, seed=seed)
    model = al.Estimator(model or KNeighborsClassifier(1))
    return al.Strategy(model, pool, *query, seed=seed, test_batch_size=1000)
