"""The result of a comparison: its records, and all that can be asked of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from alkit import plots, report, summary
from alkit.errors import MissingPackageError
from alkit.records import Records
from alkit.verdict import verdict

if TYPE_CHECKING:
    from pandas import DataFrame


class Result(Records):
    """The records of a comparison, with what they show: as words, tables, pictures, a page."""

    @property
    def frame(self) -> DataFrame:
        """The rows as a pandas DataFrame.

        Raises:
            MissingPackageError: without pandas, which alkit itself does not need.
        """
        try:
            from pandas import DataFrame
        except ImportError as error:
            raise MissingPackageError(
                "result.frame needs pandas: pip install 'alkit[pandas]'. Without it, result.rows "
                "holds the same as plain dicts."
            ) from error
        return DataFrame(self.rows)

    def verdict(self) -> str:
        """Whether anything beat the reference, in a paragraph: ``alkit.verdict.verdict``."""
        return verdict(self)

    def summary(self) -> summary.Table:
        """One row a strategy: ``alkit.summary.summary``."""
        return summary.summary(self)

    def budgets(self) -> summary.Table:
        """The result at each budget, with its interval: ``alkit.summary.budgets``."""
        return summary.budgets(self)

    def tests(self) -> summary.Table:
        """Each strategy against the reference: ``alkit.summary.tests``."""
        return summary.tests(self)

    def labels_to(self, level: float) -> summary.Table:
        """Labels that each strategy needed to reach a level: ``alkit.summary.labels_to``."""
        return summary.labels_to(self, level)

    def labels_saved(self, level: float | None = None) -> summary.Table:
        """Labels saved at a level, default the reference's last: ``alkit.summary.labels_saved``."""
        return summary.labels_saved(self, level)

    def penalties(self) -> summary.Penalties:
        """Who beat whom, and how often: ``alkit.summary.penalties``."""
        return summary.penalties(self)

    def trials_needed(self, difference: float) -> dict[str, float]:
        """Trials that would show a difference in area: ``alkit.summary.trials_needed``."""
        return summary.trials_needed(self, difference)

    def plot(self, ax: Any = None) -> Any:
        """The learning curves: ``alkit.plots.learning_curves``; returns the Axes."""
        return plots.learning_curves(self, ax)

    def report(self, path: str | Path) -> None:
        """Write the comparison as one HTML page."""
        report.save(self, path)
