"""The records of a comparison: plain rows, and the protocol that produced them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np

from alkit.atomic import as_path, write_whole
from alkit.errors import ConfigurationError, FolderError, likely
from alkit.evidence import records_csv
from alkit.evidence.records_csv import Row
from alkit.evidence.whole import PROTOCOL, TRIALS, check_rows, read_protocol

RECORDS = "records.csv"


@dataclass
class Records:
    """The records of a comparison: one row per strategy, seed and round, in plain values.

    Attributes:
        rows: dicts with these keys. ``strategy``, ``seed``, ``round``; ``annotated``, the number
            of labels that the tested model was trained on, and ``validation``, the number of these
            used for validation; ``steps``, the gradient steps of the round, and ``samples_seen``,
            the samples in its training batches, unannotated ones included; the test metrics by
            name, and per class as ``metric/class``; ``seconds_train``, ``seconds_test``,
            ``seconds_score``, ``seconds_select``; ``peak_memory_mb``, the peak memory of the
            process so far. For the query after the test: ``queried_classes``, the number of labels
            per class, ``picked``, the dataset indices, with their ``scores`` and the ``guesses``
            of the model, and ``why``, the rule that chose them. Lists are empty where there is
            nothing to record.
        protocol: the settings that produced the rows: sizes, seeds, versions, the ``reference``
            that strategies are compared with, and the ``ceiling``, results of the model trained on
            all labels.
    """

    rows: list[Row] = field(default_factory=list)
    protocol: dict[str, Any] = field(default_factory=dict)

    @property
    def strategies(self) -> list[str]:
        """The names of the strategies, in the order given."""
        return list(dict.fromkeys(row["strategy"] for row in self.rows))

    @property
    def metric(self) -> str:
        """The name of the result that curves show.

        This is the metric named in the protocol, or else the first test metric that is not a loss.
        """
        chosen = self.protocol.get("metric")
        return chosen or main_metric(self.rows[0] if self.rows else {})

    def curves(self, strategy: str) -> tuple[np.ndarray, np.ndarray]:
        """Annotated samples ``(R,)`` and results ``(T, R)`` of each trial of a strategy.

        Only trials with the most rounds count, so unfinished ones are left out.

        Raises:
            ConfigurationError: the records have no such strategy.
        """
        trials: dict[int, list[Row]] = {}
        for row in self.rows:
            if row["strategy"] == strategy:
                trials.setdefault(row["seed"], []).append(row)
        if not trials:
            there = likely(str(strategy), self.strategies)
            raise ConfigurationError(f"the records contain no strategy {strategy!r}{there}")
        longest = max(map(len, trials.values()))
        full = [rows for rows in trials.values() if len(rows) == longest]
        values = [[row[self.metric] for row in rows] for rows in full]
        return np.array([row["annotated"] for row in full[0]]), np.array(values)

    def paired(self) -> Self:
        """The records of the seeds that every strategy has finished, which can be compared.

        Raises:
            ConfigurationError: no seed has been finished by all strategies yet.
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
                f"no seed has been finished yet by all of {', '.join(names)}, so there is nothing "
                "to compare. The finished rounds are in .rows."
            )
        rows = [row for row in self.rows if row["seed"] in full]
        return type(self)(rows, {**self.protocol, "seeds": full})

    def save(self, folder: str | Path) -> None:
        """Write ``records.csv`` and ``protocol.json``, creating the folder if it is missing.

        Raises:
            FolderError: the folder cannot be written.
        """
        folder = as_path(folder)
        write_whole(folder / RECORDS, records_csv.as_text(self.rows))
        write_whole(folder / PROTOCOL, json.dumps(self.protocol, indent=2) + "\n")

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Load what ``save`` or a running comparison wrote, in the order of its rounds.

        A last row that was only partly written is left out.

        Raises:
            FolderError: there are no records, or they are damaged: a row is missing between others
                or differs from the state of its trial, or a column is missing.
            ConfigurationError: ``folder`` is not a path.
        """
        folder = as_path(folder)
        try:
            rows = records_csv.read(folder / RECORDS)
            protocol = read_protocol(folder)
            check_rows(rows, protocol, folder)
        except FileNotFoundError as error:
            raise FolderError(f"{folder} holds no results: there is no {error.filename}.") from None
        except NotADirectoryError:
            raise FolderError(
                f"{folder} is a file; load takes the folder of the results."
            ) from None
        except (OSError, ValueError) as error:
            again = ""
            if (folder / TRIALS).is_dir():
                again = " Make the same al.compare call again: it writes them anew from the trials."
            raise FolderError(f"the results in {folder} cannot be read: {error}.{again}") from error
        return cls(in_order(rows, protocol), protocol)


def main_metric(names: Iterable[str]) -> str:
    """The first name that is a test metric and not a loss."""
    tests = [name for name in names if name.startswith("test") and "/" not in name]
    tests = [name for name in tests if "loss" not in name]
    return min(tests, key=lambda name: name.endswith("_epoch")) if tests else "test_loss_epoch"


def in_order(rows: list[Row], protocol: dict[str, Any]) -> list[Row]:
    """Rows sorted by seed, strategy and round, whichever trial finished a round first."""
    seeds, names = protocol.get("seeds", []), protocol.get("strategies", [])
    place = {(seed, name): k for k, (seed, name) in enumerate((s, n) for s in seeds for n in names)}
    return sorted(
        rows, key=lambda row: (place.get((row["seed"], row["strategy"]), len(place)), row["round"])
    )
