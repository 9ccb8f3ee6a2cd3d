"""The result of a comparison: its records, and all that can be asked of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from alkit import plots
from alkit.errors import MissingPackageError
from alkit.evidence import summary
from alkit.evidence.records import Records
from alkit.reporting.page import save
from alkit.reporting.verdict import verdict

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
        """Whether anything beat the reference, in a paragraph: ``alkit.reporting.verdict``."""
        return verdict(self)

    def summary(self) -> summary.Table:
        """One row a strategy: ``alkit.evidence.summary.summary``."""
        return summary.summary(self)

    def budgets(self) -> summary.Table:
        """The result at each budget, with its interval: ``alkit.evidence.summary.budgets``."""
        return summary.budgets(self)

    def tests(self) -> summary.Table:
        """Each strategy against the reference: ``alkit.evidence.summary.tests``."""
        return summary.tests(self)

    def labels_to(self, level: float) -> summary.Table:
        """Labels that each strategy needed to reach a level: ``alkit.evidence.summary.labels_to``."""
        return summary.labels_to(self, level)

    def labels_saved(self, level: float | None = None) -> summary.Table:
        """Labels saved at a level, default the reference's last: ``alkit.evidence.summary.labels_saved``."""
        return summary.labels_saved(self, level)

    def penalties(self) -> summary.Penalties:
        """Who beat whom, and how often: ``alkit.evidence.summary.penalties``."""
        return summary.penalties(self)

    def trials_needed(self, difference: float) -> dict[str, float]:
        """Trials that would show a difference in area: ``alkit.evidence.summary.trials_needed``."""
        return summary.trials_needed(self, difference)

    def plot(self, ax: Any = None) -> Any:
        """The learning curves: ``alkit.plots.learning_curves``; returns the Axes."""
        return plots.learning_curves(self, ax)

    def report(self, path: str | Path) -> None:
        """Write the comparison as one HTML page."""
        save(self, path)


def load(folder: str | Path) -> Result:
    """Load the result that ``compare(..., folder=)`` or ``result.save`` wrote, as far as it got.

    Reads ``records.csv`` and ``protocol.json``, also while a comparison writes them. For one that
    is not finished, ``load(folder).paired()`` has the seeds that can be compared.

    Raises:
        FolderError: there are no results, or they are damaged.
    """
    return Result.load(folder)
