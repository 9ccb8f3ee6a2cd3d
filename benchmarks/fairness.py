"""Share of a published gap that is due to gradient steps: a course's MNIST study, run both ways.

In the recorded run of the Deep Learning Crash Course's active learning study, Adversarial is far
ahead of Uniform and Margin. By its protocol, Uniform and Margin train for 10 epochs over the
annotated samples, 10 to 140 gradient steps per round. Adversarial trains for 5 epochs over the
larger of the annotated and the unannotated part, 2,280 to 2,340 steps. Here the same three
strategies run both ways: by that protocol, and with ``--steps`` gradient steps per round each. Both
ways, all strategies of a seed share the initial set, the initial weights and the data order.
Network, batches and optimizer are those of ``mnist_protocol.py``.

    python benchmarks/fairness.py --out benchmarks/results/fairness.jsonl

A step of Adversarial takes 0.1 to 0.2 s on one thread: a trial of 4 rounds (``--rounds 4``, 480
labels) takes about an hour, one of all 14 rounds about three. An interrupted run resumes from the
file. Last result (one trial, ``results/fairness.jsonl``), with 120, 240, 360 and 480 labels: by the
course's protocol Adversarial has .689, .881, .882 and .907 and Uniform .239, .360, .693 and .759;
at 300 steps each, .821, .878, .899 and .930 against .770, .861, .904 and .918. Steps account for
89 to 103 % of the gap.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import torch
from mnist_protocol import PUBLISHED, keep_freed_memory, make, mnist

import alkit as al
from alkit.seeds import derive

BATCH, QUERY = 128, 120
WAYS = ("course", "equal")
Row = dict[str, Any]


def course_steps(name: str, annotated: int, unannotated: int) -> int:
    """Number of gradient steps per round under the course's epochs."""
    epochs, samples = 10, annotated
    if name == "adversarial":
        epochs, samples = 5, max(annotated, unannotated)
    return epochs * math.ceil(samples / BATCH)


def run(way: str, name: str, seed: int, args: argparse.Namespace, train: Any, test: Any) -> None:
    """Run the rounds missing from a trial's record."""
    done = read(args.out, way, name, seed)
    if len(done) >= args.rounds:
        return
    if done and not done[-1]["picked"]:
        done.pop()  # an earlier record ended here without a query: repeat the round
    pool = al.ActiveLearningDataset(train, cache=True)
    pool.annotate_random(QUERY, seed=derive(seed, "initial"))
    for row in done:
        pool.annotate(row["picked"])
    strategy = make(name, pool, test, seed)
    strategy.fits = len(done)  # the data order depends on the round
    for round in range(len(done), args.rounds):
        steps = args.steps
        if way == "course":
            annotated = pool.get_num_annotated()
            steps = course_steps(name, annotated, len(pool) - annotated)
        started = time.perf_counter()
        torch.manual_seed(derive(seed, "training", round))
        strategy.fit(max_steps=steps, enable_progress_bar=False, precision="bf16-mixed")
        metrics = strategy.test(enable_progress_bar=False, precision="bf16-mixed")
        row = {
            "way": way, "strategy": name, "seed": seed, "annotated": pool.get_num_annotated(),
            "steps": steps, "accuracy": round_off(metrics["testMulticlassAccuracy"]),
            "seconds": round_off(time.perf_counter() - started),
        }  # fmt: skip
        picked = strategy.query_and_update(QUERY).indices.tolist()  # the last, too, to resume from
        strategy.reset_model()
        print(*row.values(), flush=True)
        args.out.parent.mkdir(parents=True, exist_ok=True)
        with args.out.open("a") as file:
            file.write(json.dumps({**row, "picked": picked}) + "\n")


def read(path: Path, way: str, name: str, seed: int) -> list[Row]:
    """Finished rounds of a trial, in order; a repeated round counts once, with its last result."""
    lines = path.read_text().splitlines() if path.exists() else []
    rows = map(json.loads, lines)
    ours = [r for r in rows if (r["way"], r["strategy"], r["seed"]) == (way, name, seed)]
    return list({row["annotated"]: row for row in ours}.values())


def round_off(number: float) -> float:
    return float(f"{number:.4g}")


def table(path: Path, seeds: range, rounds: int) -> str:
    """Medians and steps per round: published, by the course's protocol, and at equal steps."""
    names = list(PUBLISHED)
    lines = [
        "labels | published U, M, A    | course's protocol U, M, A (steps)"
        "            | equal steps U, M, A (steps)  | share of the gap A - U due to steps"
    ]
    for r in range(rounds):
        cells, gaps = [], {}
        for way in WAYS:
            rows = [  # fewer than seeds if the run is incomplete
                [row for seed in seeds for row in read(path, way, name, seed)[r : r + 1]]
                for name in names
            ]
            found = [
                statistics.median(row["accuracy"] for row in some) if some else math.nan
                for some in rows
            ]
            steps = sorted({row["steps"] for some in rows for row in some})
            cells.append(f"{numbers(found)} ({', '.join(f'{s:,}' for s in steps)})")
            gaps[way] = found[names.index("adversarial")] - found[names.index("uniform")]
        published = numbers([PUBLISHED[name][r] for name in names])
        share = 1 - gaps["equal"] / gaps["course"] if gaps["course"] > 0 else math.nan
        told = "unknown" if math.isnan(share) else f"{share:.0%}"
        lines.append(
            f"{QUERY * (r + 1):6d} | {published} | {cells[0]:45s} | {cells[1]:28s} | {told}"
        )
    return "\n".join(lines)


def numbers(values: list[float]) -> str:
    return "  ".join("    -" if math.isnan(value) else f"{value:.3f}" for value in values)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=14)
    parser.add_argument("--steps", type=int, default=300, help="steps per round, at equal steps")
    parser.add_argument("--trials", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0, help="seed of the first trial")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument(
        "--out", type=Path, default=Path("fairness.jsonl"), help="file of JSON lines"
    )
    default_data = Path(__file__).parents[2] / "shared" / "data"
    parser.add_argument("--data-dir", default=os.environ.get("ALKIT_DATA", default_data))
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    keep_freed_memory()
    train, test = (mnist(args.data_dir, part) for part in (True, False))
    seeds = range(args.seed, args.seed + args.trials)
    for seed in seeds:
        for way in reversed(WAYS):
            for name in PUBLISHED:
                run(way, name, seed, args, train, test)
    print(table(args.out, seeds, args.rounds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
