"""The records of a comparison: plain rows, and how they were made."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np

from alkit.errors import ConfigurationError, FolderError
from alkit.evidence import records_csv
from alkit.evidence.atomic import write_whole
from alkit.evidence.records_csv import Row

RECORDS, PROTOCOL = "records.csv", "protocol.json"


@dataclass
class Records:
    """The records of a comparison: one row a strategy, seed and round, in plain values.

    Attributes:
        rows: dicts with ``strategy``, ``seed``, ``round``; ``annotated``, the labels that the
            tested model was trained on, and ``validation``, how many of these were for
            validation; ``steps``, the gradient steps of the round, and ``samples_seen``, the
            samples in its training batches, unlabeled ones included; the test metrics by name,
            and by class as ``metric/class``; ``seconds_train``, ``seconds_test``,
            ``seconds_score``, ``seconds_select``; ``peak_memory_mb``, the most memory that the
            process had held so far; and of the query after the test ``queried_classes``, how many
            of its labels fell in each class, ``picked``, its dataset indices, with their
            ``scores`` and the ``guesses`` of the model, and ``why``, the rule that chose them.
            Lists are empty where there is nothing to tell.
        protocol: how it was made: sizes, seeds, versions, the ``reference`` that strategies are
            compared with, and the ``ceiling``, results of the model trained on all labels.
    """

    rows: list[Row] = field(default_factory=list)
    protocol: dict[str, Any] = field(default_factory=dict)

    @property
    def strategies(self) -> list[str]:
        """The names of the strategies, in the order in which they were given."""
        return list(dict.fromkeys(row["strategy"] for row in self.rows))

    @property
    def metric(self) -> str:
        """The name of the result that curves show: the first test metric that is no loss.

        Or the one that the comparison was told to show.
        """
        chosen = self.protocol.get("metric")
        return chosen or main_metric(self.rows[0] if self.rows else {})

    def curves(self, strategy: str) -> tuple[np.ndarray, np.ndarray]:
        """Annotated samples ``(R,)`` and results ``(T, R)`` of each trial of a strategy.

        Of trials that are not finished yet only those count that have come furthest.
        """
        trials: dict[int, list[Row]] = {}
        for row in self.rows:
            if row["strategy"] == strategy:
                trials.setdefault(row["seed"], []).append(row)
        longest = max(map(len, trials.values()))
        full = [rows for rows in trials.values() if len(rows) == longest]
        values = [[row[self.metric] for row in rows] for rows in full]
        return np.array([row["annotated"] for row in full[0]]), np.array(values)

    def paired(self) -> Self:
        """The records of those seeds that every strategy has finished: what can be compared.

        Raises:
            ConfigurationError: no seed is finished by all strategies yet.
        """
        names = self.protocol.get("strategies", self.strategies)
        counts: dict[tuple[str, int], int] = {}
        for row in self.rows:
            key = (row["strategy"], row["seed"])
            counts[key] = counts.get(key, 0) + 1
        rounds = self.protocol.get("rounds", max(counts.values(), default=0))
        seeds = dict.fromkeys(row["seed"] for row in self.rows)
        full = [s for s in seeds if all(counts.get((name, s), 0) >= rounds for name in names)]
        if not full:
            raise ConfigurationError(
                f"no seed is finished yet by every one of {', '.join(names)}: there is nothing to "
                "compare. The finished rounds are in .rows."
            )
        rows = [row for row in self.rows if row["seed"] in full]
        return type(self)(rows, {**self.protocol, "seeds": full})

    def save(self, folder: str | Path) -> None:
        """Write ``records.csv`` and ``protocol.json``; the folder is made if it is missing.

        Raises:
            FolderError: the folder cannot be written.
        """
        folder = Path(folder)
        write_whole(folder / RECORDS, records_csv.as_text(self.rows))
        write_whole(folder / PROTOCOL, json.dumps(self.protocol, indent=2) + "\n")

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """What ``save`` wrote, or what a comparison has written so far, in the order of its rounds.

        A last row that was cut off while it was written is left out.

        Raises:
            FolderError: there are no records, or they are damaged.
        """
        folder = Path(folder)
        try:
            rows = records_csv.read(folder / RECORDS)
            protocol = json.loads((folder / PROTOCOL).read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise FolderError(f"{folder} holds no results: there is no {error.filename}.") from None
        except (OSError, ValueError) as error:
            raise FolderError(f"the results in {folder} cannot be read: {error}.") from error
        return cls(in_order(rows, protocol), protocol)


def main_metric(names: Any) -> str:
    """Of the names of results, the first that is a test metric and no loss."""
    tests = [name for name in names if name.startswith("test") and "/" not in name]
    tests = [name for name in tests if "loss" not in name]
    return min(tests, key=lambda name: name.endswith("_epoch")) if tests else "test_loss_epoch"


def in_order(rows: list[Row], protocol: dict[str, Any]) -> list[Row]:
    """Rows by seed, strategy and round, whichever trial was the first to finish one."""
    seeds, names = protocol.get("seeds", []), protocol.get("strategies", [])
    place = {(seed, name): k for k, (seed, name) in enumerate((s, n) for s in seeds for n in names)}
    return sorted(
        rows, key=lambda row: (place.get((row["seed"], row["strategy"]), len(place)), row["round"])
    )
