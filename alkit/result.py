"""The result of a comparison: its records, and all that can be asked of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alkit import plots, report
from alkit.records import Records, Row
from alkit.summary import summary


class Result(Records):
    """The records of a comparison, with what they show: as a table, a picture, a page."""

    def summary(self) -> list[Row]:
        """One row a strategy: ``alkit.summary.summary``."""
        return summary(self)

    def plot(self, ax: Any = None) -> Any:
        """The learning curves: ``alkit.plots.learning_curves``; returns the Axes."""
        return plots.learning_curves(self, ax)

    def report(self, path: str | Path) -> None:
        """Write the comparison as one HTML page."""
        report.save(self, path)
