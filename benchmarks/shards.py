"""Quality of a selection in two rounds, over shards, compared with that of all rows at once.

8,000 rows of 60 clusters of different sizes, in 32 dimensions, are dealt out at random, or sorted
by cluster, to 4 and 16 shards. Each shard picks n rows, and n of their union are picked, as on the
page "Select over shards". We compare the objectives: the mean similarity of a row to its nearest
pick (facility location), the mean coverage (herding), and the largest distance to a pick
(k-center). A ratio of 1 is the exact greedy selection; for k-center, above 1 is worse.

    python benchmarks/shards.py --out benchmarks/results/shards.json

Exits with 1 if a selection over random shards is more than 2 % worse than the exact one, or that of
k-center more than 25 %. Takes about a minute.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

import alkit as al

Rows = np.ndarray


def over_shards(rows: Rows, shards: Sequence[Rows], n: int, selector: Any) -> Rows:
    """Row numbers of the picks of the picks of the shards."""
    first = [s[al.select(n, embeddings=rows[s], selector=selector, seed=0).indices] for s in shards]
    union = np.sort(np.concatenate(first))
    return union[al.select(n, embeddings=rows[union], selector=selector, seed=0).indices]


def clusters(count: int, width: int, seed: int) -> tuple[Rows, Rows]:
    """Rows and the cluster of each."""
    draws = np.random.default_rng(seed)
    shares = draws.dirichlet(np.full(60, 0.7))
    cluster = draws.choice(60, count, p=shares)
    rows = draws.normal(size=(60, width))[cluster] + 0.3 * draws.normal(size=(count, width))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), cluster


def similarities(rows: Rows, picks: Rows) -> Rows:
    return np.clip(rows @ rows[picks].T, -1, 1).max(1)


def facility(rows: Rows, picks: Rows) -> float:
    return float(np.maximum(similarities(rows, picks), 0).mean())


def coverage(rows: Rows, picks: Rows) -> float:
    return float(np.exp(2 * similarities(rows, picks) - 2).mean())


def radius(rows: Rows, picks: Rows) -> float:
    return float(np.sqrt(2 - 2 * similarities(rows, picks)).max())


METHODS: dict[str, tuple[Any, Callable[[Rows, Rows], float], float]] = {
    "facility location": (al.selectors.FacilityLocation(sample=None), facility, 0.98),
    "herding": (al.selectors.MaxHerding(sample=None), coverage, 0.98),
    "k-center": (al.KCenter(), radius, 1.25),
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rows", type=int, default=8_000)
    parser.add_argument("--n", type=int, default=100)
    parser.add_argument("--shards", default="4,16")
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    rows, cluster = clusters(options.rows, 32, 0)
    orders = {
        "random": np.random.default_rng(1).permutation(len(rows)),
        "sorted": cluster.argsort(kind="stable"),
    }
    found, failed = [], False
    for method in options.methods.split(","):
        selector, quality, limit = METHODS[method]
        every = al.select(options.n, embeddings=rows, selector=selector, seed=0).indices
        exact = quality(rows, every)
        for order, permuted in orders.items():
            for number in map(int, options.shards.split(",")):
                shards = [np.sort(part) for part in np.array_split(permuted, number)]
                value = quality(rows, over_shards(rows, shards, options.n, selector))
                ratio = value / exact
                worse = ratio > limit if limit > 1 else ratio < limit
                failed |= worse and order == "random"
                print(f"{method:18s} {order:7s} {number:3d} shards  {ratio:.4f}", flush=True)
                found.append({"method": method, "order": order, "shards": number, "ratio": ratio})
    if options.out is not None:
        made = {"rows": options.rows, "n": options.n, "found": found}
        options.out.write_text(json.dumps(made, indent=1))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
