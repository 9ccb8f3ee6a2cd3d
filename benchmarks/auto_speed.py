"""Time of a query of ``al.auto`` on a large pool with given features.

    python benchmarks/auto_speed.py [--samples 60000] [--features 512] [--query 100]

Prints the CPU seconds of the first query, which copies the features, and of the second one, and of
how many candidates coverage is measured on. Exits with 1 if the second query takes more CPU seconds
than the target: 3 for 60,000 samples, 60 for 1,000,000.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings

import torch
from torch import nn
from torch.utils.data import TensorDataset

import alkit as al
from alkit.querying.automatic import targets
from alkit.selectors import Candidates, FixedRows, Given


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=60_000)
    parser.add_argument("--features", type=int, default=512)
    parser.add_argument("--query", type=int, default=100)
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    n, width = options.samples, options.features
    generator = torch.Generator().manual_seed(0)
    groups = torch.randint(100, (n,), generator=generator)
    x = torch.randn(100, width, generator=generator)[groups]
    x += torch.randn(n, width, generator=generator)
    pool = al.ActiveLearningDataset(TensorDataset(x, groups % 10))
    pool.annotate_random(200, seed=0)
    space = Given(x)
    net = nn.Sequential(nn.Linear(width, 10))
    strategy = al.auto(net, pool, features=space, seed=0, test_batch_size=4096).build()
    strategy.fit(max_steps=1, enable_progress_bar=False)
    print(f"{n:,} samples of {width} features, {options.query} picks, one thread")
    took = 0.0
    for name in ("first", "second"):
        started = time.process_time()
        query = strategy.query(options.query)
        took = time.process_time() - started
        parts = ", ".join(f"{part} {seconds:.1f} s" for part, seconds in query.seconds.items())
        print(f"{name} query: {took:.1f} s of CPU; wall: {parts}")
    fixed = FixedRows({space: x[:1].expand(n, width)})
    count = targets(Candidates(ids=torch.arange(n), fixed=fixed), space, options.query)
    print(f"coverage measured on {count:,} candidates; {pool.features}; {query.why}")
    limit = 3 if n <= 60_000 else 60
    if took > limit:
        sys.exit(f"missed: {took:.1f} s of CPU, the target is {limit} s")


if __name__ == "__main__":
    main()
