"""What a comparison found, as tables: records in, plain rows out."""

from alkit.summary.levels import labels_saved, labels_to
from alkit.summary.measures import budgets, tests, trials_needed
from alkit.summary.penalties import Penalties, penalties
from alkit.summary.rows import summary
from alkit.summary.table import Table
from alkit.summary.trials import Trials, rising, trials

__all__ = [
    "Penalties",
    "Table",
    "Trials",
    "budgets",
    "labels_saved",
    "labels_to",
    "penalties",
    "rising",
    "summary",
    "tests",
    "trials",
    "trials_needed",
]
