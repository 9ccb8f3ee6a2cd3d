"""The ledger: answers of people on disk, of which none is lost and none is counted twice."""

from alkit.pool.ledger.entry import Entry
from alkit.pool.ledger.ledger import Ledger

__all__ = ["Entry", "Ledger"]
