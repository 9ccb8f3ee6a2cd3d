"""Labels of a simulated person, asked for as a project does, against labels in random order.

Three sets, each with a new random split per seed: scikit-learn's digits (64 pixels; a pool of
1,197, a test set of 600), crops of blood cells (BCCD, 85 % of one class; 3,000 and 1,886) and
CIFAR-10 (6,000 and 5,000), both as 50 principal components of 32 x 32 pixels. ``Asking`` asks for
10 samples at a time, 2 of them for the audit, and trains after each; the labels are the true ones.
The first table is the test accuracy of its model with 50, 100 and 200 labels, minus that of the
same model with as many random labels (mean of three random orders), with the standard error over
the seeds. The second is the share of the 90 % intervals of ``assess`` that contain the test
accuracy of the model with all labels, in cheap runs: pools of at most 1,000, 20 samples at a time.
On the blood cells, where the model is nearly always right, Wilson's interval of few samples is
wider than it says: .975 of the intervals contain the accuracy; of all sets, .93.

    python benchmarks/labeling.py [--out benchmarks/results/labeling.json]

Exits with 1 unless no mean difference is negative, and 85 to 95 % of the intervals contain the
test accuracy. BCCD and CIFAR-10 are read from ``ALKIT_DATA``. Takes about half an hour on one core.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_digits
from threadpoolctl import threadpool_limits
from torch.utils.data import TensorDataset

import alkit as al
from alkit.project.asking import Asking
from alkit.project.assessment import assess
from alkit.project.defaults import classifier, scaled
from alkit.project.order import AuditOrder

AT = (50, 100, 200)
SIZES = {"digits": (1197, 600), "blood cells": (3000, 1886), "CIFAR-10": (6000, 5000)}
Data = tuple[np.ndarray, np.ndarray]


def components(images: np.ndarray, count: int = 50) -> np.ndarray:
    """Principal components ``(N, count)`` of images, by the covariance of at most 10,000."""
    rows = images.reshape(len(images), -1).astype(np.float32) / 255
    rows -= rows.mean(0)
    some = rows[:10_000]
    axes = np.linalg.eigh((some.T @ some).astype(np.float64))[1][:, : -count - 1 : -1]
    return rows @ axes.astype(np.float32)


def data(name: str, folder: Path) -> Data:
    """All features and labels of a set."""
    if name == "digits":
        x, y = load_digits(return_X_y=True)
        return x.astype(np.float32), y
    if name == "blood cells":
        cells = np.load(folder / "bccd" / "bccd_crops48.npz", allow_pickle=True)
        small = [np.asarray(Image.fromarray(cell).resize((32, 32))) for cell in cells["x"]]
        return components(np.stack(small)), cells["y"].astype(int)
    stored = np.load(folder / "cifar10" / "train_jpeg.npz", allow_pickle=True)
    whole, offset = stored["jpeg"].tobytes(), stored["offset"].tolist()
    images = [np.asarray(Image.open(io.BytesIO(whole[a:b]))) for a, b in pairwise(offset[:12_001])]
    return components(np.stack(images)), stored["y"][:12_000].astype(int)


class Simulated:
    """A project whose person knows all labels."""

    def __init__(self, whole: Data, sizes: tuple[int, int], seed: int, **options: Any) -> None:
        x, y = whole
        rows = np.random.default_rng(seed).permutation(len(x))[: sum(sizes)]
        scale = scaled(x[rows])  # without labels, so the test inputs may take part
        self.x, self.test_x = scale[: sizes[0]], scale[sizes[0] :]
        self.y, self.test_y = y[rows[: sizes[0]]], y[rows[sizes[0] :]]
        self.classes = [f"class {number}" for number in range(int(y.max()) + 1)]
        names = [f"{row}.png" for row in rows[: sizes[0]]]
        self.pool = al.ActiveLearningDataset(
            TensorDataset(torch.from_numpy(self.x)), names=names, classes=self.classes
        )
        order = AuditOrder(names, seed)
        self.asking = Asking(self.pool, self.x, order, seed=seed, **options)

    def label(self, total: int, step: int) -> None:
        """Answer what is asked until ``total`` samples have a label, with a fit after each step."""
        while (known := self.pool.get_num_annotated()) < total:
            batch = self.asking.batch(min(step, total - known))
            ids = [choice.index for choice in batch]
            self.pool.annotate(ids, [self.classes[self.y[index]] for index in ids])
            self.asking.note({choice.index: choice.why for choice in batch})
            self.asking.fit()

    def accuracy(self, ids: np.ndarray) -> float:
        """Test accuracy of the model with the labels of some samples."""
        y = self.y[ids]
        if len(np.unique(y)) < 2:
            return float((self.test_y == y[0]).mean())
        return float(classifier().fit(self.x[ids], y).score(self.test_x, self.test_y))


def against_random(name: str, whole: Data, seeds: int) -> list[dict[str, Any]]:
    """Rows of the first table."""
    ours, random = [], []
    for seed in range(seeds):
        person = Simulated(whole, SIZES[name], seed)
        mine = []
        for total in AT:
            person.label(total, 10)
            mine.append(person.accuracy(person.pool.annotated_indices))
        orders = [np.random.default_rng([seed, k]).permutation(len(person.y)) for k in range(3)]
        theirs = [[person.accuracy(order[:total]) for total in AT] for order in orders]
        ours.append(mine)
        random.append(np.mean(theirs, axis=0))
    gains = np.array(ours) - np.array(random)
    errors = gains.std(0, ddof=1) / seeds**0.5
    rows = []
    for k, total in enumerate(AT):
        mine, theirs = np.mean(ours, 0)[k], np.mean(random, 0)[k]
        row = {"data": name, "labels": total, "ours": mine, "random": theirs,
               "gain": gains.mean(0)[k], "error": errors[k]}  # fmt: skip
        rows.append(row)
        print(f"{name:12s} {total:6d}  {mine:.3f}  {theirs:.3f}  {row['gain']:+.4f} "
              f"+- {row['error']:.4f}", flush=True)  # fmt: skip
    return rows


def coverage(name: str, whole: Data, runs: int) -> dict[str, Any]:
    """Row of the second table: intervals of the audit against the test accuracy."""
    found = []
    for seed in range(1000, 1000 + runs):
        person = Simulated(whole, (min(1000, SIZES[name][0]), SIZES[name][1]), seed)
        for total in AT:
            person.label(total, 20)
            told = assess(person.asking, stop=[]).accuracy
            truth = person.accuracy(person.pool.annotated_indices)
            found.append((told.low <= truth <= told.high, told.value - truth, told.n))
    inside, bias, _ = np.array(found, dtype=float).T
    row = {"data": name, "runs": runs, "intervals": len(found), "inside": inside.mean(),
           "by_labels": inside.reshape(runs, len(AT)).mean(0).tolist(),
           "bias": bias.mean(), "error": bias.std() / len(bias) ** 0.5}  # fmt: skip
    print(f"{name:12s} {runs} runs: {row['inside']:.3f} of {len(found)} intervals contain the "
          f"accuracy, bias {row['bias']:+.4f} +- {row['error']:.4f}", row["by_labels"],
          flush=True)  # fmt: skip
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=5, help="of the first table; 0 to skip it")
    parser.add_argument("--runs", type=int, default=40, help="per set, of the second; 0 to skip it")
    parser.add_argument("--sets", default=",".join(SIZES), help="comma-separated")
    parser.add_argument("--out", type=Path, help="JSON file for the results")
    default_data = Path(__file__).parents[2] / "shared" / "data"
    parser.add_argument("--data-dir", default=os.environ.get("ALKIT_DATA", default_data))
    args = parser.parse_args()
    torch.set_num_threads(1)
    started = time.perf_counter()
    sets = {name: data(name, Path(args.data_dir)) for name in args.sets.split(",")}
    gains, covered = [], []
    with threadpool_limits(1):
        if args.seeds > 1:
            print("set          labels   ours  random   gain")
            gains = [row for name in sets for row in against_random(name, sets[name], args.seeds)]
        if args.runs:
            covered = [coverage(name, sets[name], args.runs) for name in sets]
    print(f"{time.perf_counter() - started:.0f} s")
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        rows = json.loads(args.out.read_text()) if args.out.exists() else {}
        rows |= {"gains": gains, "seeds": args.seeds} if gains else {}
        rows |= {"coverage": covered} if covered else {}
        rows["versions"] = {"alkit": al.__version__, "torch": torch.__version__}
        args.out.write_text(json.dumps(rows, indent=1) + "\n")
    missed = [f"{r['data']}, {r['labels']} labels: below random" for r in gains if r["gain"] < 0]
    inside = sum(row["inside"] * row["intervals"] for row in covered)
    share = inside / sum(row["intervals"] for row in covered) if covered else 0.9
    if not 0.85 <= share <= 0.95:
        missed.append(f"{share:.3f} of the intervals contain the accuracy")
    if missed:
        sys.exit("missed: " + "; ".join(missed))


if __name__ == "__main__":
    main()
