"""The pool: a dataset, its annotations, and queries for more."""

from alkit.pool.dataset import ActiveLearningDataset
from alkit.pool.ledger import Ledger
from alkit.pool.query import Query
from alkit.pool.regions import Regions, Tiles

__all__ = ["ActiveLearningDataset", "Ledger", "Query", "Regions", "Tiles"]
