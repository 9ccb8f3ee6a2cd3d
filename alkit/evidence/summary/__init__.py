"""Summary tables of a comparison: records in, plain rows out."""

from alkit.evidence.summary.levels import labels_saved, labels_to, not_stated
from alkit.evidence.summary.measures import budgets, tests, trials_needed
from alkit.evidence.summary.penalties import Penalties, penalties
from alkit.evidence.summary.rows import summary
from alkit.evidence.summary.table import Table
from alkit.evidence.summary.trials import Trials, trials

__all__ = [
    "Penalties",
    "Table",
    "Trials",
    "budgets",
    "labels_saved",
    "labels_to",
    "not_stated",
    "penalties",
    "summary",
    "tests",
    "trials",
    "trials_needed",
]
