"""Margin against random on scikit-learn's digits: a result that any sound library must reproduce.

For each of 20 paired seeds: a stratified 60/40 split, 20 random labels, then 20 per round for 10
rounds, and a multinomial logistic regression (C = 10) on x / 16. The table shows the area under the
budget curve (mean accuracy over the labels spent, by the trapezoidal rule) and the gain over
random, with a Wilcoxon signed-rank test over the pairs. Entropy with its sign flipped shows the
cost of an inverted score.

    python benchmarks/digits.py

Exits with 1 unless margin beats random by at least 0.02 with p < 1e-3, and some method reaches
0.905. Takes about three minutes on one core.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

import numpy as np
import torch
from scipy.stats import wilcoxon
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

import alkit as al

METHODS: dict[str, Callable[[], dict]] = {
    "random": lambda: {"selector": al.Random()},
    "margin": lambda: {"criterion": al.Margin()},
    "power-margin": lambda: {"criterion": al.Margin(), "selector": al.Power(beta=8)},
    "least confidence": lambda: {"criterion": al.LeastConfidence()},
    "entropy": lambda: {"criterion": al.Entropy()},
    "entropy, inverted": lambda: {"criterion": -al.Entropy()},
    "badge": lambda: {"selector": al.KMeansPlusPlus(al.GradientEmbedding())},
    "k-center": lambda: {"selector": al.KCenter()},
    "margin-k-center": lambda: {"selector": al.Prefilter(3, al.KCenter())},
    "coral": lambda: {"criterion": al.Margin(), "selector": al.Coral()},
    "uncertainty herding": lambda: {"criterion": al.Margin(), "selector": al.UncertaintyHerding()},
}
REFERENCE = {  # areas of an implementation independent of alkit
    "random": 0.870, "margin": 0.903, "power-margin": 0.903, "badge": 0.899, "k-center": 0.899,
    "least confidence": 0.885, "entropy": 0.864, "entropy, inverted": 0.621,
}  # fmt: skip


def area(method: Callable[[], dict], seed: int, query_size: int = 20, rounds: int = 10) -> float:
    """Area under the budget curve of one method on one seed."""
    x, y = load_digits(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(
        x / 16, y, train_size=0.6, stratify=y, random_state=seed
    )
    known = np.random.default_rng(seed).permutation(len(x_train))[:query_size]
    accuracies = []
    for round in range(rounds + 1):
        model = LogisticRegression(C=10, max_iter=1000).fit(x_train[known], y_train[known])
        accuracies.append(model.score(x_test, y_test))
        if round < rounds:
            p = np.zeros((len(x_train), 10))
            p[:, model.classes_] = model.predict_proba(x_train)
            query = al.select(
                query_size, probabilities=p, embeddings=x_train, annotated=known,
                seed=seed * 100 + round, **method(),
            )  # fmt: skip
            known = np.concatenate([known, query])
    return float(np.mean((np.array(accuracies[1:]) + accuracies[:-1]) / 2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    args = parser.parse_args()
    torch.set_num_threads(1)
    areas: dict[str, np.ndarray] = {}
    print(f"{'method':24s} area   reference  gain    p (Wilcoxon, {args.seeds} pairs)")
    for name in dict.fromkeys(["random", "margin", *args.methods]):
        areas[name] = np.array([area(METHODS[name], seed) for seed in range(args.seeds)])
        gains = areas[name] - areas["random"]
        p = f"{wilcoxon(gains).pvalue:.1e}" if name != "random" else ""
        reference = f"{REFERENCE[name]:.3f}" if name in REFERENCE else ""
        print(f"{name:24s} {areas[name].mean():.3f}  {reference:9s}  {gains.mean():+.3f}  {p}",
              flush=True)  # fmt: skip
    gains = areas["margin"] - areas["random"]
    best = max(values.mean() for values in areas.values())
    if gains.mean() < 0.02 or wilcoxon(gains).pvalue >= 1e-3 or best < 0.905:
        sys.exit("missed: margin at least .02 above random with p < 1e-3, and a method at .905")


if __name__ == "__main__":
    main()
