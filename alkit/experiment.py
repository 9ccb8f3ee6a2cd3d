"""Comparisons: strategies times seeds, paired, at equal gradient steps."""

from __future__ import annotations

import csv
import json
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm.auto import tqdm

from alkit.errors import ConfigurationError
from alkit.loop import ActiveLearningLoop, RoundRecord
from alkit.pool import ActiveLearningDataset
from alkit.seeds import derive
from alkit.strategies.learner import ActiveLearner

Factory = Callable[[ActiveLearningDataset, int], ActiveLearner]
Row = dict[str, Any]


@dataclass
class Result:
    """The records of a comparison: one row a strategy, seed and round, in plain values.

    Attributes:
        rows: dicts with ``strategy``, ``seed``, ``round``, ``annotated`` (labels that the tested
            model was trained on), ``steps``, the test metrics by name, ``seconds_train``,
            ``seconds_test``, ``seconds_score``, ``seconds_select``, ``picked`` (dataset indices
            asked for after the test) and ``why``, the rule that chose them.
        protocol: how it was made: sizes, seeds, versions.
    """

    rows: list[Row] = field(default_factory=list)
    protocol: dict[str, Any] = field(default_factory=dict)

    @property
    def strategies(self) -> list[str]:
        """The names of the strategies, in the order in which they were given."""
        return list(dict.fromkeys(row["strategy"] for row in self.rows))

    @property
    def metric(self) -> str:
        """The name of the result that curves show: the first test metric that is no loss."""
        names = [name for name in self.rows[0] if name.startswith("test") and "loss" not in name]
        return min(names, key=lambda name: name.endswith("_epoch")) if names else "test_loss_epoch"

    def curves(self, strategy: str) -> tuple[np.ndarray, np.ndarray]:
        """Annotated samples ``(R,)`` and results ``(T, R)`` of each trial of a strategy."""
        rows = [row for row in self.rows if row["strategy"] == strategy]
        seeds = list(dict.fromkeys(row["seed"] for row in rows))
        values = [[row[self.metric] for row in rows if row["seed"] == seed] for seed in seeds]
        annotated = [row["annotated"] for row in rows if row["seed"] == seeds[0]]
        return np.array(annotated), np.array(values)

    def summary(self) -> list[Row]:
        """One row a strategy: mean result at the end, area under the curve, gain, seconds.

        The area is the mean result over the labels spent (trapezoids). The gain is the mean
        difference of areas to the first strategy, trial by trial, with the trials in which it is
        above zero.
        """
        reference = areas(*self.curves(self.strategies[0]))
        table = []
        for name in self.strategies:
            annotated, values = self.curves(name)
            area = areas(annotated, values)
            gains = area - reference
            timed = [row for row in self.rows if row["strategy"] == name]
            seconds = [sum(v for k, v in row.items() if k.startswith("seconds")) for row in timed]
            table.append(
                {
                    "strategy": name,
                    "labels": int(annotated[-1]),
                    "final": float(values[:, -1].mean()),
                    "final_low": float(values[:, -1].min()),
                    "final_high": float(values[:, -1].max()),
                    "area": float(area.mean()),
                    "gain": float(gains.mean()),
                    "trials_ahead": int((gains > 0).sum()),
                    "trials": len(values),
                    "steps": timed[-1]["steps"],
                    "seconds_a_round": float(np.mean(seconds)),
                }
            )
        return table

    def save(self, folder: str | Path) -> None:
        """Write ``records.csv`` and ``protocol.json``; the folder is made if it is missing."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        columns = list(dict.fromkeys(name for row in self.rows for name in row))
        with open(folder / "records.csv", "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            for row in self.rows:
                writer.writerow({**row, "picked": " ".join(map(str, row["picked"]))})
        text = json.dumps(self.protocol, indent=2)
        (folder / "protocol.json").write_text(text + "\n", encoding="utf-8")


def compare(
    strategies: Mapping[str, Factory],
    dataset: Any,
    *,
    seeds: Iterable[int] = range(5),
    rounds: int,
    query_size: int,
    initial: int | None = None,
    max_steps: int,
    protocol: Mapping[str, Any] | None = None,
    progress: bool = True,
) -> Result:
    """Run every strategy on every seed, paired: equal starts and equal gradient steps.

    For each seed all strategies share the initial annotated set, the initial weights (where
    their networks are the same) and the order of the data; separate random streams serve
    initialization, training and selection. The global random state is left as it was.

    Args:
        strategies: name to a function ``(pool, seed) -> strategy``, unbuilt or built, which
            must use that pool and that seed. The first is what the others are compared with.
        dataset: the samples, with labels; each run has a pool of its own over it.
        seeds: one trial each.
        rounds: rounds a trial; the last one is not followed by a query.
        query_size: samples annotated a round.
        initial: samples annotated at the start, drawn uniformly. Default: ``query_size``.
        max_steps: gradient steps a round, for every strategy.
        protocol: what else to say of how it was made.
        progress: show strategy, trial, round, accuracy and the time that is left.
    """
    seeds = list(seeds)
    if not strategies or not seeds:
        raise ConfigurationError("compare needs at least one strategy and one seed.")
    initial = query_size if initial is None else initial
    result = Result(
        protocol={
            **(protocol or {}),
            "strategies": list(strategies),
            "seeds": seeds,
            "rounds": rounds,
            "initial": initial,
            "query_size": query_size,
            "max_steps": max_steps,
            "samples": len(dataset),
            "python": platform.python_version(),
            **{name: version(name) for name in ("alkit", "torch", "lightning", "torchmetrics")},
        }
    )
    total = len(strategies) * len(seeds) * rounds
    with tqdm(total=total, disable=not progress, unit="round", dynamic_ncols=True) as bar:
        for seed in seeds:
            for name, factory in strategies.items():
                for record in run_trial(
                    factory, dataset, seed, rounds, query_size, initial, max_steps
                ):
                    result.rows.append(_row(name, seed, record))
                    value = result.rows[-1].get(result.metric, float("nan"))
                    bar.set_description(f"{name}, trial {seeds.index(seed) + 1} of {len(seeds)}")
                    bar.set_postfix_str(f"{record.annotated} labels: {value:.3f}")
                    bar.update()
    return result


def run_trial(
    factory: Factory,
    dataset: Any,
    seed: int,
    rounds: int,
    query_size: int,
    initial: int,
    max_steps: int,
) -> Iterator[RoundRecord]:
    """One strategy on one seed; a record a round."""
    pool = ActiveLearningDataset(dataset)
    pool.annotate_random(initial, seed=derive(seed, "initial"))
    with _randomness(derive(seed, "weights")):
        strategy = factory(pool, derive(seed, "strategy"))
        if not strategy.built:
            strategy.build()
    loop = ActiveLearningLoop(strategy, query_size, rounds, max_steps=max_steps)
    for round in range(rounds):
        with _randomness(derive(seed, "training", round)):
            record = loop.evaluate(round)
        if round == rounds - 1 or not len(pool.unannotated_indices):
            yield record  # labels that no model is trained on would be wasted
            return
        yield loop.acquire(record)


def areas(annotated: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Mean result over the labels spent, by trapezoids: ``(R,)`` and ``(T, R)`` to ``(T,)``."""
    if len(annotated) < 2:
        return values.mean(1)
    between = (values[:, 1:] + values[:, :-1]) / 2
    return between @ np.diff(annotated) / (annotated[-1] - annotated[0])


@contextmanager
def _randomness(seed: int) -> Iterator[None]:
    """Torch's own generators under a seed (weights, dropout), and restored afterwards."""
    with torch.random.fork_rng():
        torch.default_generator.manual_seed(seed)
        if torch.cuda.is_available():
            torch.cuda.manual_seed_all(seed)
        yield


def _row(strategy: str, seed: int, record: RoundRecord) -> Row:
    return {
        "strategy": strategy,
        "seed": seed,
        "round": record.round,
        "annotated": record.annotated,
        "steps": record.steps,
        **record.metrics,
        **{f"seconds_{phase}": round(value, 4) for phase, value in record.seconds.items()},
        "picked": [] if record.query is None else record.query.indices.tolist(),
        "why": "" if record.query is None else record.query.why,
    }
