"""Regression: LCMD and other selectors against random labels, and against the authors' package.

Two data sets: scikit-learn's diabetes (331 of 442 people to choose from), and houses, made here in
the manner of the California housing data: 3,000 places in clusters of very different density, a
price that is a known function of eight columns, and normal noise of a tenth of its deviation. A
network of two hidden layers (64 units, ReLU) starts from 20 random labels and gets 20 more in each
of 8 rounds; it is trained anew for 400 steps of Adam. All methods of a trial have the same split,
first labels and initial weights. The error is the RMSE on held-out samples, in deviations of the
target, for the houses against the price without noise.

The peers are selectors of ``bmdal_reg`` (Holzmueller and others 2023), if it is installed: LCMD by
the features of the last hidden layer, whose picks must be those of alkit, and by gradients with 512
random projections, on the same trained network. Seconds are those of a selection, mean over rounds.

    pip install bmdal_reg
    python benchmarks/regression.py --out benchmarks/results/regression.json

Exits with 1 unless LCMD has a lower mean area under the error curve than random labels on the
houses, is not behind the peer by the same space (by more than two standard errors and 1 % of the
area) on either, and picks by features what the peer picks (a share of 0.99). The diabetes data are
mostly noise. Takes about 5 minutes on one thread.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_diabetes
from torch import Generator, Tensor, nn

import alkit as al
from alkit.evidence.statistics import areas
from alkit.seeds import derive
from alkit.selectors import LCMD, Candidates, GradientSketch, GreedySampling

FIRST, EACH, ROUNDS, STEPS = 20, 20, 8, 400
RECORD = Path(__file__).parent / "results" / "regression.json"
HAS_PEER = importlib.util.find_spec("bmdal_reg") is not None
Sets = tuple[Tensor, Tensor, Tensor, Tensor]


class Timed(al.selectors.Selector):
    """A selector that adds up its seconds, and compares its picks with those of another."""

    def __init__(self, selector: al.selectors.Selector, reference: Any = None) -> None:
        self.selector, self.needs, self.reference = selector, selector.needs, reference
        self.seconds: list[float] = []
        self.agree: list[float] = []

    def select(self, candidates: Candidates, n: int, generator: Generator) -> Any:
        state = generator.get_state()
        started = time.perf_counter()
        picks = self.selector.select(candidates, n, generator)
        self.seconds.append(time.perf_counter() - started)
        if self.reference is not None:
            again = self.reference.select(candidates, n, Generator().set_state(state))
            self.agree.append(len(set(picks.tolist()) & set(again.tolist())) / n)
        return picks


class Peer(al.selectors.Selector):
    """LCMD of ``bmdal_reg``, by the features or by 512 projections of gradients of the head."""

    def __init__(self, kernel: str) -> None:
        self.kernel = kernel
        self.needs = frozenset(
            {"features", "annotated"} | ({"head"} if kernel == "grad" else set())
        )

    def select(self, candidates: Candidates, n: int, generator: Generator) -> Tensor:
        vars(np).setdefault("Inf", np.inf)  # bmdal_reg was written for numpy 1
        from bmdal_reg.bmdal.algorithms import select_batch
        from bmdal_reg.bmdal.feature_data import TensorFeatureData

        known = candidates.annotated
        assert known is not None  # the first labels are random
        model = nn.Linear(1, 1) if candidates.head is None else candidates.head
        picks, _ = select_batch(
            n, [model],
            {"pool": TensorFeatureData(candidates.features),
             "train": TensorFeatureData(known.features)},
            None, self.kernel, [("rp", [512])] if self.kernel == "grad" else [], "lcmd",
            sel_with_train=True, verbosity=0,
        )  # fmt: skip
        return picks


def methods() -> dict[str, Callable[[], Timed]]:
    """Selectors by name; for those of gradients, the features are the inputs."""
    found = {
        "random": lambda: Timed(al.Random()),
        "k-center": lambda: Timed(al.KCenter()),
        "iGS": lambda: Timed(GreedySampling()),
        "LCMD": lambda: Timed(LCMD()),
        "LCMD, gradients": lambda: Timed(LCMD(GradientSketch())),
    }
    if HAS_PEER:
        found["bmdal_reg"] = lambda: Timed(Peer("linear"), LCMD())
        found["bmdal_reg, gradients"] = lambda: Timed(Peer("grad"), LCMD(GradientSketch()))
    return found


def diabetes(seed: int) -> Sets:
    """Standardized inputs and targets of a pool of 331 and of 111 held-out people."""
    data = load_diabetes()
    x, y = (np.asarray(part, dtype=np.float64) for part in (data.data, data.target))
    x, y = (x - x.mean(0)) / x.std(0), (y - y.mean()) / y.std()
    order = np.random.default_rng(derive(seed, "split")).permutation(len(x))
    rows, held = order[111:], order[:111]
    return tensors(x[rows], y[rows], x[held], y[held])


def houses(seed: int) -> Sets:
    """A pool of 3,000 made places, and 1,000 others with the price without noise."""
    rng = np.random.default_rng(derive(seed, "houses"))
    centers, sizes = rng.uniform(-2, 2, (12, 2)), rng.dirichlet(np.full(12, 0.4))
    own = rng.choice(12, 4000, p=sizes)
    place = centers[own] + rng.normal(0, 0.15, (4000, 2)) * rng.uniform(0.3, 2, (12, 1))[own]
    income, age = rng.lognormal(0, 0.5, 4000), rng.uniform(0, 1, 4000)
    rooms, others = rng.gamma(4, 0.25, 4000), rng.normal(0, 1, (4000, 3))
    x = np.column_stack([place, income, age, rooms, others])
    price = (
        np.sin(2 * place[:, 0]) * np.cos(1.5 * place[:, 1]) + np.log(income) * (1 + 0.5 * rooms)
        - 0.5 * age * place[:, 1] + 0.3 * np.tanh(others[:, 0] * others[:, 1])
    )  # fmt: skip
    x, price = (x - x.mean(0)) / x.std(0), (price - price.mean()) / price.std()
    y = price + 0.1 * rng.normal(size=4000)
    return tensors(x[:3000], y[:3000], x[3000:], price[3000:])


DATA = {"diabetes": diabetes, "houses": houses}


def tensors(*arrays: np.ndarray) -> Sets:
    return tuple(torch.tensor(a, dtype=torch.float32).reshape(len(a), -1) for a in arrays)  # type: ignore[return-value]


def trained(x: Tensor, y: Tensor, seed: int, steps: int) -> nn.Sequential:
    """A network of two hidden layers, trained on all samples at once."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = nn.Sequential(
            nn.Linear(x.shape[1], 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1)
        )
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        (net(x) - y).square().mean().backward()
        optimizer.step()
    return net.eval()


def trial(data: str, method: str, seed: int, rounds: int, steps: int) -> dict[str, Any]:
    """Errors after each round, and the seconds of the selections."""
    x, y, test_x, test_y = DATA[data](seed)
    known = np.random.default_rng(derive(seed, "first")).permutation(len(x))[:FIRST]
    timed, errors, labels = methods()[method](), [], []
    for round in range(rounds + 1):
        net = trained(x[known], y[known], seed, steps)
        with torch.no_grad():
            errors.append(float((net(test_x) - test_y).square().mean().sqrt()))
            outputs, features = net(x), x if "gradients" in method else net[:-1](x)
        labels.append(len(known))
        if round == rounds:
            break
        query = al.select(
            EACH,
            prediction=al.Prediction(outputs, kind="values", features=features),
            annotated=known,
            labels=y[known],
            head=net if "gradients" in method else net[-1],
            selector=timed,
            seed=derive(seed, "select", round),
        )
        known = np.concatenate([known, query.indices])
    return {
        "data": data, "method": method, "seed": seed, "labels": labels, "rmse": errors,
        "seconds": float(np.mean(timed.seconds)),
        "agree": float(np.mean(timed.agree)) if timed.agree else None,
    }  # fmt: skip


def summary(rows: list[dict[str, Any]], data: str) -> dict[str, dict[str, float]]:
    """Mean area under the error curve of each method, its gain over random labels, and seconds."""
    found: dict[str, dict[str, float]] = {}
    areas_of: dict[str, dict[int, float]] = {}
    for method in dict.fromkeys(row["method"] for row in rows):
        own = [row for row in rows if (row["data"], row["method"]) == (data, method)]
        area = {
            row["seed"]: float(areas(np.array(row["labels"]), np.array([row["rmse"]]))[0])
            for row in own
        }
        areas_of[method] = area
        gain, error = gained(areas_of["random"], area)
        agree = [row["agree"] for row in own if row["agree"] is not None]
        found[method] = {
            "area": float(np.mean(list(area.values()))),
            "gain": gain,
            "error_of_gain": error,
            "last": float(np.mean([row["rmse"][-1] for row in own])),
            "seconds": float(np.mean([row["seconds"] for row in own])),
        } | ({"agree": float(np.mean(agree))} if agree else {})
        if "bmdal_reg" in method:
            gain, error = gained(area, areas_of[method.replace("bmdal_reg", "LCMD")])
            found[method] |= {"behind": gain, "error_of_behind": error}
    return found


def gained(area: dict[int, float], other: dict[int, float]) -> tuple[float, float]:
    """Mean of what the second areas are below the first ones, trial by trial; standard error."""
    gains = np.array([area[seed] - other[seed] for seed in area])
    error = gains.std(ddof=1) / len(gains) ** 0.5 if len(gains) > 1 else 0.0
    return float(gains.mean()), float(error)


def missed(tables: dict[str, dict[str, dict[str, float]]]) -> list[str]:
    """Targets that are missed, in words."""
    wrong = []
    for data, table in tables.items():
        if data == "houses" and table["LCMD"]["gain"] <= 0:
            wrong.append(f"{data}: LCMD is not better than random labels")
        for kind in ("", ", gradients"):
            peer = table.get(f"bmdal_reg{kind}")
            if peer and peer["behind"] < -2 * peer["error_of_behind"] - 0.01 * peer["area"]:
                wrong.append(f"{data}: LCMD{kind} has more error than bmdal_reg{kind}")
        if table.get("bmdal_reg", {}).get("agree", 1) < 0.99:
            wrong.append(f"{data}: the picks are not those of bmdal_reg")
    return wrong


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--data", nargs="+", choices=DATA, default=list(DATA))
    parser.add_argument("--out", type=Path)
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    rows, tables = [], {}
    for data in args.data:
        for seed in range(args.seeds):
            rows += [trial(data, name, seed, args.rounds, args.steps) for name in methods()]
        tables[data] = summary(rows, data)
        print(f"\n{data}: RMSE over the rounds, mean of {args.seeds} trials")
        for name, line in tables[data].items():
            print(
                f"{name:21s} area {line['area']:.4f}  gain {line['gain']:+.4f} "
                f"({line['error_of_gain']:.4f})  last {line['last']:.4f}  "
                f"{1000 * line['seconds']:7.1f} ms"
                + (f"  {line['agree']:.3f} of the picks agree" if "agree" in line else ""),
                flush=True,
            )
    if args.out:
        about = {"machine": f"{platform.machine()}, {os.cpu_count()} cores"}
        about |= {"torch": torch.__version__, "alkit": al.__version__}
        record = about | {"tables": tables, "rows": rows}
        args.out.write_text(json.dumps(record, indent=1) + "\n")
    wrong = missed(tables)
    print("\n".join(f"missed: {line}" for line in wrong) or "all targets are met")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
