"""Choose the first 10, 20 or 50 labels of MNIST at once, from features alone.

Features are 50 principal components fitted on 10,000 training images, with normalized rows. Each of
6 seeds has a pool of 2,000 images. All labels are chosen at once, and a logistic regression
(C = 10) is tested on the 10,000 test images.

    python benchmarks/cold_start.py

Exits with 1 unless k-means medoids, TypiClust and MaxHerding are each at least 0.10 above random
at every budget, and a self-tuned coverage or herding method reaches .45 / .56 / .70.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torchvision
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import normalize

import alkit as al

BUDGETS = (10, 20, 50)
METHODS: dict[str, Callable[[], al.Selector]] = {
    "random": al.Random,
    "k-means medoids": lambda: al.selectors.KMeans(),
    "typiclust": lambda: al.selectors.TypiClust(),
    "max-herding": lambda: al.selectors.MaxHerding(),
    "probcover": lambda: al.selectors.ProbCover(classes=10),
    "uncertainty herding": lambda: al.UncertaintyHerding(),
    "k-center": lambda: al.KCenter(),
}
REFERENCE = {  # accuracies of implementations independent of alkit
    "random": (0.313, 0.398, 0.589), "k-means medoids": (0.464, 0.572, 0.700),
    "typiclust": (0.429, 0.555, 0.709), "max-herding": (0.439, 0.542, 0.701),
}  # fmt: skip
SELF_TUNED = ("uncertainty herding", "probcover")
TARGETS = (0.45, 0.56, 0.70)


def features(data_dir: str | Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Rows of norm one and labels of the 60,000 training and the 10,000 test images."""
    train, test = (torchvision.datasets.MNIST(data_dir, train=part) for part in (True, False))
    x, x_test = (part.data.flatten(1).numpy() / np.float32(255) for part in (train, test))
    pca = PCA(50, random_state=0).fit(x[np.random.default_rng(0).permutation(len(x))[:10_000]])
    rows, rows_test = (normalize(pca.transform(part)) for part in (x, x_test))
    return rows, train.targets.numpy(), rows_test, test.targets.numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    default_data = Path(__file__).parents[2] / "shared" / "data"
    parser.add_argument("--data-dir", default=os.environ.get("ALKIT_DATA", default_data))
    args = parser.parse_args()
    torch.set_num_threads(1)
    x, y, x_test, y_test = features(args.data_dir)

    def accuracy(name: str, n: int, seed: int) -> float:
        pool = np.random.default_rng(seed).permutation(len(x))[:2000]
        query = al.select(
            n,
            embeddings=x[pool],
            criterion=al.criteria.Constant(1),  # there is no model yet
            selector=METHODS[name](),
            seed=seed,
        )
        rows = pool[np.asarray(query)]
        if len(np.unique(y[rows])) == 1:
            return float((y_test == y[rows[0]]).mean())
        model = LogisticRegression(C=10, max_iter=1000).fit(x[rows], y[rows])
        return float(model.score(x_test, y_test))

    found: dict[str, np.ndarray] = {}
    print(f"{'method':20s} " + "".join(f"{n:3d} labels (ref)  " for n in BUDGETS))
    for name in dict.fromkeys(["random", *args.methods]):
        runs = [[accuracy(name, n, seed) for seed in range(args.seeds)] for n in BUDGETS]
        found[name] = np.mean(runs, axis=1)
        reference = REFERENCE.get(name, ("    ",) * 3)
        cells = zip(found[name], reference, strict=True)
        print(f"{name:20s} " + "".join(f"{a:10.3f} ({r})  " for a, r in cells), flush=True)
    missed = [
        name for name in ("k-means medoids", "typiclust", "max-herding")
        if name in found and (found[name] < found["random"] + 0.10).any()
    ]  # fmt: skip
    if missed:
        sys.exit(f"missed: {', '.join(missed)} less than .10 above random")
    if not any((found[name] >= TARGETS).all() for name in SELF_TUNED if name in found):
        sys.exit(f"missed: no self-tuned method reaches {TARGETS}")


if __name__ == "__main__":
    main()
