"""The pool: a dataset, what is known of its labels, and queries about them."""

from alkit.pool.dataset import ActiveLearningDataset
from alkit.pool.query import Query

__all__ = ["ActiveLearningDataset", "Query"]
