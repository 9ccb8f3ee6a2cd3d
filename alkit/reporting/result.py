"""The result of a comparison: its records, with tables, plots, verdict and report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alkit import plots
from alkit.errors import MissingPackageError
from alkit.evidence import summary
from alkit.evidence.records import Records
from alkit.reporting.page import save
from alkit.reporting.verdict import verdict

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame


class Result(Records):
    """The records of a comparison, with methods for its verdict, tables, plots and report."""

    @property
    def frame(self) -> DataFrame:
        """The rows as a pandas DataFrame.

        Raises:
            MissingPackageError: pandas is not installed; alkit itself does not need it.
        """
        try:
            from pandas import DataFrame
        except ImportError as error:
            raise MissingPackageError(
                "result.frame needs pandas: pip install 'alkit[pandas]'. Without it, use "
                "result.rows, the same rows as plain dicts."
            ) from error
        return DataFrame(self.rows)

    def verdict(self) -> str:
        """Return the comparison with the reference as a paragraph: ``alkit.reporting.verdict``."""
        return verdict(self)

    def summary(self) -> summary.Table:
        """Return one row per strategy: ``alkit.evidence.summary.summary``."""
        return summary.summary(self)

    def budgets(self) -> summary.Table:
        """Return the result and interval at each budget: ``alkit.evidence.summary.budgets``."""
        return summary.budgets(self)

    def tests(self) -> summary.Table:
        """Test each strategy against the reference: ``alkit.evidence.summary.tests``."""
        return summary.tests(self)

    def labels_to(self, level: float) -> summary.Table:
        """Return the labels needed to reach a level: ``alkit.evidence.summary.labels_to``."""
        return summary.labels_to(self, level)

    def labels_saved(self, level: float | None = None) -> summary.Table:
        """Return the labels saved at a level: ``alkit.evidence.summary.labels_saved``.

        The default level is the final one of the reference.
        """
        return summary.labels_saved(self, level)

    def penalties(self) -> summary.Penalties:
        """Return the pairwise penalty matrix: ``alkit.evidence.summary.penalties``."""
        return summary.penalties(self)

    def trials_needed(self, difference: float) -> dict[str, float]:
        """Return the trials that show a difference: ``alkit.evidence.summary.trials_needed``."""
        return summary.trials_needed(self, difference)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the learning curves and return the Axes: ``alkit.plots.learning_curves``."""
        return plots.learning_curves(self, ax)

    def report(self, path: str | Path) -> None:
        """Write the comparison as one HTML page."""
        save(self, path)


def load(folder: str | Path) -> Result:
    """Load the result that ``compare(..., folder=)`` or ``result.save`` wrote, finished or not.

    Reads ``records.csv`` and ``protocol.json``, even while a comparison is writing them. For an
    unfinished comparison, ``load(folder).paired()`` holds the seeds that can be compared.

    Raises:
        FolderError: there are no results, or they are damaged.
    """
    return Result.load(folder)
