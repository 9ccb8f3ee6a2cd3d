"""Results of a project's trainings, one row each, in ``records.csv``."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

from alkit.atomic import append, write_whole, writing
from alkit.errors import ProjectError
from alkit.loop import RoundRecord
from alkit.project.asking import Asking
from alkit.project.assessment import Assessment

FILE = "records.csv"
COLUMNS = ("round", "labels", "accuracy", "low", "high", "audit", "advice")


class Results:
    """Results of the trainings of a project.

    Args:
        folder: folder of the project.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE

    def add(self, asking: Asking, found: Assessment) -> None:
        """Append the result of a training.

        Raises:
            FolderError: the file cannot be written.
        """
        interval = found.accuracy
        values = [f"{value:.4f}" for value in (interval.value, interval.low, interval.high)]
        labels = asking.pool.get_num_annotated()
        known = values if interval.known else ["", "", ""]
        row = (asking.pool.next_round, labels, *known, interval.n, found.advice)
        if not self.path.exists():
            write_whole(self.path, _line(COLUMNS))
        with writing(self.path):
            content = self.path.read_bytes()
        append(self.path, ("" if content.endswith(b"\n") else "\r\n") + _line(row))

    def rows(self) -> list[dict[str, str]]:
        """The rows, as texts by column.

        Raises:
            ProjectError: the file cannot be read.
        """
        if not self.path.exists():
            return []
        try:
            with open(self.path, newline="", encoding="utf-8") as file:
                rows = [row for row in csv.DictReader(file) if _is_whole(row)]
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise ProjectError(f"{self.path} cannot be read: {error}. Move it away.") from None
        return rows

    @property
    def records(self) -> list[RoundRecord]:
        """One record per training, as a loop returns them."""
        return [
            RoundRecord(
                int(row["round"]),
                int(row["labels"]),
                {"accuracy": float(row["accuracy"])} if row["accuracy"] else {},
                1,
            )
            for row in self.rows()
        ]


def _is_whole(row: dict[str, str]) -> bool:
    """False for a row that a full disk or a power cut has cut off."""
    if row.get("advice") is None or None in row:
        return False
    try:
        numbers = [int(row["round"]), int(row["labels"])]
        known = [float(row[name]) for name in COLUMNS[2:5] if row["accuracy"]]
    except (ValueError, TypeError, KeyError):
        return False
    return min(numbers) >= 0 and all(map(math.isfinite, known))


def _line(values: tuple[object, ...]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerow(values)
    return text.getvalue()
