"""Do no harm, measured: ``al.auto``, other methods and published rivals against random labels.

25 settings of ``auto_settings.py``: small networks reset in each round (MNIST, MNIST with class
frequencies that fall geometrically, CIFAR-10, blood cells; 150 steps of Adam on batches of 32), and
logistic regression on frozen features (digits, principal components of images, TF-IDF and SVD of
the questions of TREC). A unit u is the number of classes, at least 6. Low budgets start with u
random labels and ask for u in each of 4 rounds; medium budgets start with 10u and ask for 5u, high
ones start with 30u and ask for 10u. Pools have 5,000 samples, or all but a third for the test. The
test set of the skewed MNIST is balanced. All arms of a seed share the split, the first labels, the
initial weights and the seeds of the data order.

The gain of a trial is the area under its budget curve of test accuracy minus the mean area of three
streams of random labels; a fourth stream is the ruler. ``auto`` and the rivals compare samples in
features that training does not change; "herding" is the former ``auto``, uncertainty herding in the
features of the trained network, which "badge" and "typiclust" use, too. The networks of BEMPS have
dropout (.25) and those of the other arms have none, so its gain is not due to its queries alone; it
is left out where features are frozen. The linear head of expected error and REFINE is the logistic
regression itself. CPU seconds per query include features that are computed at the first query.

    python benchmarks/auto.py --jobs 2

Each finished trial adds a line to ``results/auto.jsonl``. You can stop it at any time; run the
command again and it resumes. By single trials of one seed (0.1 to 1.3 s of CPU on frozen features,
1 to 2.6 s with an MLP, 3 to 5.5 s with a CNN), all 1,815 take about 50 minutes of CPU; REFINE with
the batches and passes of its paper takes about 45 s for a trial, and only ``--all`` adds it; its
trials of one seed in 21 settings are in ``results/auto_refine.jsonl``.
Exits with 1 unless the mean gain of auto is at least .030, its worst setting is not below the worst
of the ruler, and it is nowhere below -.005 where the ruler is within .005. ``auto_table.py`` then
writes the tables of ``docs/which_method.md``.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from auto_settings import SETTINGS, Setting, model, split
from auto_table import MEAN, RECORD, RULER, STREAMS, Gains, Row, gains_of, missed, shown
from threadpoolctl import threadpool_limits
from torch import Tensor
from torch.utils.data import TensorDataset

import alkit as al
from alkit.eval_mode import evaluating
from alkit.seeds import derive
from alkit.selectors import Given, Inputs

STEPS = 150


@dataclass(frozen=True)
class Arm:
    """A way of asking.

    Attributes:
        make: function that returns the strategy from a model, a pool and options.
        space: name of the argument for features that training does not change, if it has one.
        head: whether a linear head is needed.
        dropout: rate of the dropout before the head; such an arm has no logistic regression.
        slow: whether it is left out by default.
    """

    make: Callable[..., al.ActiveLearner]
    space: str | None = None
    head: bool = False
    dropout: float = 0.0
    slow: bool = False


ARMS: dict[str, Arm] = {
    **{name: Arm(al.UniformStrategy) for name in (*STREAMS, RULER)},
    "auto": Arm(al.auto, "features"),
    "badge": Arm(al.papers.badge),
    "typiclust": Arm(al.papers.typiclust),
    "margin": Arm(al.Strategy),
    "herding": Arm(al.papers.uherding),
    "tcm": Arm(al.papers.tcm, "space"),
    "activeft": Arm(al.papers.activeft, "space"),
    "dcom": Arm(al.papers.dcom, "space"),
    "expected error": Arm(al.papers.expected_error, head=True),
    "bemps": Arm(al.papers.bemps, dropout=0.25),
    "tailor": Arm(al.papers.tailor, "space"),
    "refine": Arm(al.papers.refine, "space", head=True, slow=True),
}


@dataclass(frozen=True)
class Trial:
    """A setting, the name of an arm, the seed and the arm itself."""

    setting: Setting
    name: str
    seed: int
    arm: Arm

    @property
    def key(self) -> tuple[str, str, int]:
        return str(self.setting), self.name, self.seed


def trial(of: Trial) -> Row:
    """Test accuracy of each round, and the CPU seconds of each query."""
    started = time.process_time()
    setting, seed = of.setting, of.seed
    x, y, test_x, test_y = split(setting, seed)
    first, each = setting.sizes
    pool = al.ActiveLearningDataset(TensorDataset(x, y))
    order = np.random.default_rng(derive(seed, "first")).permutation(len(y))
    pool.annotate(order[:first])
    rest = np.random.default_rng(derive(seed, "uniform", of.name)).permutation(order[first:])
    strategy = strategy_of(setting, of.arm, pool, x, seed)
    accuracies, seconds, labels = [], [], []
    for round in range(setting.rounds + 1):
        strategy.reset_model()
        strategy.fit(max_steps=STEPS, enable_progress_bar=False)
        accuracies.append(accuracy(strategy, test_x, test_y))
        labels.append(pool.get_num_annotated())
        if round < setting.rounds:
            asked = time.process_time()
            if isinstance(strategy, al.UniformStrategy):  # streams differ in nothing else
                pool.annotate(rest[round * each : (round + 1) * each])
            else:
                strategy.query_and_update(each)
            seconds.append(round_to(time.process_time() - asked))
    return {
        "setting": str(setting), "arm": of.name, "seed": seed, "labels": labels,
        "accuracy": [round_to(value) for value in accuracies], "query_seconds": seconds,
        "seconds": round_to(time.process_time() - started), "alkit": al.__version__,
    }  # fmt: skip


def round_to(value: float, digits: int = 4) -> float:
    return float(np.round(value, digits))


def strategy_of(
    setting: Setting, arm: Arm, pool: al.ActiveLearningDataset, x: Tensor, seed: int
) -> al.ActiveLearner:
    """The strategy of an arm, whose training depends on the setting and the seed alone."""
    options: dict[str, Any] = {"test_batch_size": 1024, "seed": derive(seed, "strategy")}
    if not setting.frozen:
        options |= {"optimizer": al.Adam(lr=1e-3), "batch_size": 32, "steps_per_epoch": STEPS}
    if arm.space:
        options[arm.space] = Given(x) if setting.frozen else Inputs()
    if arm.head and setting.frozen:
        options["head"] = "head"
    return arm.make(model(setting, x, seed, arm.dropout, arm.head), pool, **options).build()


def accuracy(strategy: al.ActiveLearner, x: Tensor, y: Tensor) -> float:
    with torch.no_grad(), evaluating(strategy.module):
        outputs = torch.cat([strategy.module(part) for part in x.split(1000)])
    if outputs.ndim == 3:  # posterior samples (N, K, C)
        outputs = outputs.softmax(-1).mean(1)
    return float((outputs.argmax(1) == y).double().mean())


def applies(setting: Setting, arm: Arm) -> bool:
    return not (setting.frozen and arm.dropout)


def read(path: Path, settings: Mapping[str, Setting]) -> dict[tuple[str, str, int], Row]:
    """Finished trials; a last line that was cut off is removed from the file.

    Raises:
        SystemExit: a trial was made with other budgets.
    """
    if not path.exists():
        return {}
    whole, _, cut = path.read_text().rpartition("\n")
    if cut:
        os.truncate(path, path.stat().st_size - len(cut.encode()))
    rows = [json.loads(line) for line in whole.splitlines()]
    for row in rows:
        setting = settings.get(row["setting"])
        if setting is None or row["labels"] != setting.labels:
            raise SystemExit(f"{path}: {row['setting']} has other budgets: use another --out.")
    return {(row["setting"], row["arm"], row["seed"]): row for row in rows}


def quiet() -> None:
    """Use one thread, and neither warn nor report."""
    torch.set_num_threads(1)
    threadpool_limits(1)
    warnings.filterwarnings("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


def finished(trials: list[Trial], jobs: int) -> Iterator[Row]:
    """Rows of trials as they end, in this process or in others."""
    if jobs == 1:
        quiet()
        yield from map(trial, trials)
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # end the other processes, too
    with ProcessPoolExecutor(jobs, get_context("spawn"), quiet) as workers:
        running = [workers.submit(trial, key) for key in trials]
        try:
            for future in as_completed(running):
                yield future.result()
        finally:
            workers.shutdown(cancel_futures=True)


def recorded(
    trials: list[Trial], settings: Mapping[str, Setting], out: Path, jobs: int
) -> list[Row]:
    """Rows of these trials; those that are not in the file are run and added to it."""
    rows = read(out, settings)
    left = [one for one in trials if one.key not in rows]
    out.parent.mkdir(parents=True, exist_ok=True)
    for number, row in enumerate(finished(left, jobs), 1):
        rows[row["setting"], row["arm"], row["seed"]] = row
        with out.open("a") as file:
            file.write(json.dumps(row) + "\n")
        name = f"{row['setting']}: {row['arm']}, seed {row['seed']}"
        print(f"{number}/{len(left)} {name} {row['accuracy']}", file=sys.stderr, flush=True)
    return [rows[one.key] for one in trials]


def asked(
    argv: list[str] | None,
    description: str,
    settings: Mapping[str, Setting],
    arms: Mapping[str, Arm],
    record: Path,
) -> tuple[list[Trial], argparse.Namespace]:
    """Trials that the command line asks for, by seed, and all that it says."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--settings", nargs="+", metavar="TEXT",
                        help=f"parts of their names, such as '{next(iter(settings))}'")  # fmt: skip
    parser.add_argument("--arms", nargs="+", choices=arms, metavar="ARM")
    parser.add_argument("--all", action="store_true", help="the slow arms, too")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=1, help="number of processes")
    parser.add_argument("--out", type=Path, default=record)
    args = parser.parse_args(argv)
    parts = args.settings or [""]
    some = [s for name, s in settings.items() if any(part in name for part in parts)]
    names = args.arms or [name for name, arm in arms.items() if args.all or not arm.slow]
    names = list(dict.fromkeys([*STREAMS, *names]))
    return [
        Trial(setting, name, seed, arms[name])
        for setting in some
        for seed in range(args.seeds)
        for name in names
        if applies(setting, arms[name])
    ], args


def judged(gains: Gains, least: float) -> int:
    """Print the targets that are missed; 1 if there are any."""
    if not {"auto", RULER} <= {*gains}:
        print("not judged: auto or the ruler is missing")
        return 0
    wrong = missed(gains, least)
    print("\n".join(f"missed: {line}" for line in wrong) or "all targets are met")
    return int(bool(wrong))


def main(argv: list[str] | None = None) -> int:
    trials, args = asked(argv, (__doc__ or "").split("\n")[0], SETTINGS, ARMS, RECORD)
    rows = recorded(trials, SETTINGS, args.out, args.jobs)
    gains = gains_of(rows)
    print("\n".join(shown(rows, gains)))
    return judged(gains, MEAN)


if __name__ == "__main__":
    sys.exit(main())
