"""The records of a comparison: plain rows, and how they were made."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

Row = dict[str, Any]


@dataclass
class Records:
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
