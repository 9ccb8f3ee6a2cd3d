"""Redundancy: with four copies of each MNIST image, the top scores of BALD are redundant.

The pool has 10,000 images, each four times with separate noise, N(0, 0.1) after standardization.
Trials start from 20 balanced labels and add 10 per round up to ``--labels``. Repeated MNIST follows
Kirsch, van Amersfoort & Gal 2019, section 4.1; drawing in proportion to a power of BALD follows
Kirsch et al. 2023, "Stochastic batch acquisition", section 3. Network and training are those of
``batchbald_mnist.py``, with 20 samples of MC dropout.

    python benchmarks/redundancy.py --out benchmarks/results/redundancy.jsonl

Takes about an hour per trial on one thread, and can be resumed like ``batchbald_mnist.py``. The
table shows the area under the budget curve (AUBC, the mean accuracy over the labels spent). Exits
with 1 if a target is missed once 5 trials are complete.
"""

from __future__ import annotations

import sys

import numpy as np
import torch
from bayesian import Protocol, Record, arguments, collect, ended, mnist, protocol_of
from torch.utils.data import TensorDataset

import alkit as al
from alkit.evidence.statistics import areas
from alkit.seeds import derive, generator

METHODS = {
    "Random": (al.criteria.Constant(), al.Random()),
    "BALD": (al.BALD(), al.TopK()),
    "power-BALD": (al.BALD(), al.Power(beta=8)),
}
COPIES, NOISE = 4, 0.1
AHEAD = 0.03  # required gain of power-BALD over Random


def area(record: Record, method: str, seeds: list[int]) -> np.ndarray:
    """AUBC of each trial."""
    trials = [record.rows(method, seed) for seed in seeds]
    labels = np.array([row["annotated"] for row in trials[0]])
    return areas(labels, np.array([[row["accuracy"] for row in rows] for rows in trials]))


def judged(record: Record, seeds: list[int]) -> list[str]:
    """Print the results of the complete trials and return the missed targets."""
    random, gains = area(record, "Random", seeds), {}
    print(f"\nmean of {len(seeds)} trials")
    for method in METHODS:
        found = area(record, method, seeds)
        gains[method] = float((found - random).mean())
        print(
            f"{method:11s} AUBC {found.mean():.4f}  gain {gains[method]:+.4f}  "
            f"ahead of Random in {(found > random).sum()} of {len(seeds)}"
        )
    missed = []
    if gains["BALD"] > 0:
        missed.append(f"BALD is {gains['BALD']:.4f} better than Random")
    if gains["power-BALD"] < AHEAD:
        missed.append(f"power-BALD gains {gains['power-BALD']:.4f}, less than {AHEAD}")
    return missed


def main(argv: list[str] | None = None) -> int:
    usual = Protocol(samples=20, images=10_000)
    args = arguments((__doc__ or "").split("\n")[0], usual).parse_args(argv)
    protocol = protocol_of(args, usual)
    (x, y), (test_x, test_y) = (mnist(args.data_dir, train) for train in (True, False))

    def sets(seed: int) -> tuple[TensorDataset, TensorDataset]:
        ids = np.random.default_rng(derive(seed, "pool")).permutation(len(x))[: protocol.images]
        ids = np.tile(ids, COPIES)
        noise = torch.randn(x[ids].shape, generator=generator(seed, "noise"))
        tested = np.random.default_rng(0).permutation(len(test_x))[: protocol.tested]
        test = TensorDataset(test_x[tested], test_y[tested])
        return TensorDataset(x[ids] + NOISE * noise, y[ids]), test

    record, seeds = collect(args, protocol, METHODS, sets)
    return ended(args, seeds, judged(record, seeds))


if __name__ == "__main__":
    sys.exit(main())
