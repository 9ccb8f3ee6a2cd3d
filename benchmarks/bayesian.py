"""Network, resumable loop and record shared by ``batchbald_mnist.py`` and ``redundancy.py``.

A record is a file of JSON lines, with one line appended as soon as a round finishes. An interrupted
run resumes from it: the picks in the record are annotated again. All randomness of a round is
derived from its seed, so the remaining rounds equal those of an uninterrupted run.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision
from torch import Tensor, nn
from torch.utils.data import TensorDataset

import alkit as al
from alkit.eval_mode import evaluating
from alkit.seeds import derive

Row = dict[str, Any]
Trial = tuple[str, int]  # method and seed
Rule = tuple[al.Criterion, al.Selector]
Sets = Callable[[int], tuple[TensorDataset, TensorDataset]]  # pool and test data of a seed


@dataclass(frozen=True)
class Protocol:
    """Settings common to all trials of a record."""

    labels: int = 300
    initial: int = 20
    query_size: int = 10
    steps: int = 400
    batch_size: int = 64
    samples: int = 50
    test_samples: int = 20
    images: int = 20_000
    tested: int = 10_000
    stop: float = 2.0  # a trial ends once a model reaches this accuracy

    @property
    def rounds(self) -> int:
        return (self.labels - self.initial) // self.query_size + 1

    def complete(self, rows: list[Row]) -> bool:
        """Return True if a trial with these rows has ended."""
        return len(rows) >= self.rounds or any(row["accuracy"] >= self.stop for row in rows)

    def smoke(self) -> Protocol:
        return replace(self, labels=self.initial + 10, steps=20, samples=5, images=500, tested=500)


class Record:
    """Finished rounds of each trial, in order.

    An incomplete last line is ignored and overwritten. Several processes may append to one file if
    each uses different seeds.
    """

    def __init__(self, path: Path | None, protocol: Protocol) -> None:
        self.path, self.settings = path, asdict(protocol)
        self.trials: dict[Trial, list[Row]] = {}
        if path is None or not path.exists():
            return
        whole, _, cut = path.read_text().rpartition("\n")
        if cut:
            os.truncate(path, path.stat().st_size - len(cut.encode()))
        for row in map(json.loads, whole.splitlines()):
            if row["settings"] != self.settings:
                raise SystemExit(f"{path} was made with {row['settings']}, not {self.settings}.")
            self.trials.setdefault((row["method"], row["seed"]), []).append(row)

    def add(self, trial: Trial, **row: Any) -> None:
        row = {"method": trial[0], "seed": trial[1], **row, "settings": self.settings}
        self.trials.setdefault(trial, []).append(row)
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a") as file:
                file.write(json.dumps(row) + "\n")

    def seeds(self, methods: Mapping[str, Any], protocol: Protocol) -> list[int]:
        """Seeds for which all trials are complete."""
        seeds = sorted({seed for _, seed in self.trials})
        return [s for s in seeds if all(protocol.complete(self.rows(m, s)) for m in methods)]

    def rows(self, method: str, seed: int) -> list[Row]:
        return self.trials.get((method, seed), [])


def network() -> nn.Module:
    """BatchBALD's CNN (Kirsch et al. 2019, section 4.2), with weights from torch's generator."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 5), nn.Dropout2d(), nn.MaxPool2d(2), nn.ReLU(),
        nn.Conv2d(32, 64, 5), nn.Dropout2d(), nn.MaxPool2d(2), nn.ReLU(), nn.Flatten(),
        nn.Linear(1024, 128), nn.ReLU(), nn.Dropout(), nn.Linear(128, 10),
    )  # fmt: skip


def mnist(data_dir: str | Path, train: bool) -> tuple[Tensor, Tensor]:
    """Standardized images and labels."""
    data = torchvision.datasets.MNIST(data_dir, train=train)
    return (data.data[:, None].float() / 255 - 0.1307) / 0.3081, data.targets


def balanced(labels: Tensor, n: int, seed: int) -> np.ndarray:
    """Indices of ``n`` samples, with the same number from each of the ten classes."""
    order = torch.from_numpy(np.random.default_rng(seed).permutation(len(labels)))
    return np.concatenate([order[labels[order] == c][: n // 10].numpy() for c in range(10)])


def run(trial: Trial, rule: Rule, sets: Sets, protocol: Protocol, record: Record) -> None:
    """Run the rounds missing from a trial's record; everything but the rule depends on the seed."""
    method, seed = trial
    done = list(record.rows(method, seed))
    if protocol.complete(done):
        return
    train, test = sets(seed)
    pool = al.ActiveLearningDataset(train)
    pool.annotate(balanced(train.tensors[1], protocol.initial, derive(seed, "initial")))
    for row in done:
        pool.annotate(row["picked"])
    torch.manual_seed(derive(seed, "weights"))
    cnn = network()
    strategy = al.Strategy(
        al.MCDropout(cnn, protocol.samples, seed), pool, *rule,
        batch_size=protocol.batch_size, test_batch_size=512, steps_per_epoch=protocol.steps,
        optimizer=al.Adam(lr=1e-3), seed=seed,
    ).build()  # fmt: skip
    strategy.fits = len(done)  # the data order depends on the round
    loop = al.ActiveLearningLoop(
        strategy, protocol.query_size, protocol.rounds, max_steps=protocol.steps
    )
    for round in range(len(done), protocol.rounds):
        torch.manual_seed(derive(seed, "training", round))
        now = loop.evaluate(round)
        started = time.perf_counter()
        accuracy = tested(al.MCDropout(cnn, protocol.test_samples, seed).build(), test)
        seconds = {**now.seconds, "test": time.perf_counter() - started}
        if round < protocol.rounds - 1 and accuracy < protocol.stop:
            now = loop.acquire(now)
            seconds = {**now.seconds, **seconds}
        record.add(
            trial, round=round, annotated=now.annotated, accuracy=round_off(accuracy),
            seconds={phase: round_off(value) for phase, value in seconds.items()},
            picked=[] if now.query is None else now.query.indices.tolist(),
        )  # fmt: skip
        row = record.rows(method, seed)[-1]
        seconds = " ".join(f"{phase} {value:.3g}" for phase, value in row["seconds"].items())
        print(
            f"{time.strftime('%H:%M')} {method:14s} seed {seed} labels {now.annotated:4d}  "
            f"accuracy {row['accuracy']:.4f}  {seconds} s",
            flush=True,
        )
        if now.query is None:
            return


@torch.no_grad()
def tested(model: al.MCDropout, test: TensorDataset) -> float:
    """Accuracy of the mean predicted probabilities over the posterior samples."""
    x, y = test.tensors
    with evaluating(model):
        guesses = [model(batch).softmax(-1).mean(1).argmax(-1) for batch in x.split(512)]
    return float((torch.cat(guesses) == y).double().mean())


def round_off(number: float) -> float:
    """Round to 5 significant digits: float32's 0.9 counts as 0.9, and short times stay precise."""
    return float(f"{number:.5g}")


def labels_to(rows: list[Row], level: float) -> float:
    """Number of labels of the first model that reaches an accuracy; infinite if none does."""
    return next((row["annotated"] for row in rows if row["accuracy"] >= level), float("inf"))


def median_labels_to(trials: list[list[Row]], level: float) -> float:
    """Median over trials; a trial that never reaches the accuracy counts as infinite."""
    return statistics.median([labels_to(rows, level) for rows in trials])


def shown(labels: float) -> str:
    return "not reached" if labels == float("inf") else f"{labels:g}"


def arguments(description: str, protocol: Protocol) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--trials", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0, help="seed of the first trial")
    parser.add_argument("--labels", type=int, default=protocol.labels, help="labels at the end")
    parser.add_argument("--steps", type=int, default=protocol.steps, help="steps per round")
    parser.add_argument("--samples", type=int, default=protocol.samples)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--smoke", action="store_true", help="one tiny trial, not judged")
    parser.add_argument("--out", type=Path, help="file of JSON lines from which a run resumes")
    default_data = Path(__file__).parents[2] / "shared" / "data"
    parser.add_argument("--data-dir", default=os.environ.get("ALKIT_DATA", default_data))
    return parser


def collect(
    args: argparse.Namespace, protocol: Protocol, methods: Mapping[str, Rule], sets: Sets
) -> tuple[Record, list[int]]:
    """Run the missing trials seed by seed, so that an interrupted run still leaves paired trials.

    Returns the record and the seeds for which all trials are complete.
    """
    torch.set_num_threads(args.threads)
    record = Record(args.out, protocol)
    for seed in range(args.seed, args.seed + args.trials):
        for method, rule in methods.items():
            run((method, seed), rule, sets, protocol, record)
    return record, record.seeds(methods, protocol)


def ended(args: argparse.Namespace, seeds: list[int], missed: list[str]) -> int:
    """Print each missed target and return the exit code: 1 if 5 complete trials miss any."""
    if args.smoke or len(seeds) < 5:
        print("not judged: this needs 5 complete trials")
        return 0
    for miss in missed:
        print("missed:", miss)
    return int(bool(missed))


def protocol_of(args: argparse.Namespace, protocol: Protocol) -> Protocol:
    protocol = replace(protocol, labels=args.labels, steps=args.steps, samples=args.samples)
    if args.smoke:
        args.trials, protocol = 1, protocol.smoke()
    return protocol
