"""Points, and reference distances by scipy."""

import torch
from scipy.spatial.distance import cdist

from alkit.selectors.geometry.points import Points

METRICS = {"euclidean": "euclidean", "cosine": "cosine", "manhattan": "cityblock"}


def gaussian(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def points(rows, metric="euclidean"):
    unit = torch.nn.functional.normalize(rows, dim=1, eps=1e-30)
    return Points((unit if metric == "cosine" else rows,), metric)


def reference(a, b, metric="euclidean"):
    return cdist(a.double().numpy(), b.double().numpy(), METRICS[metric])


def outer(points):
    a, b = (factor.double() for factor in points.factors)
    return torch.einsum("nc,nd->ncd", a, b).flatten(1)


def gradients(n, seed, classes=4, features=7):
    residual, rows = gaussian(n, classes, seed=seed), gaussian(n, features, seed=seed + 1)
    return Points((residual, rows))
