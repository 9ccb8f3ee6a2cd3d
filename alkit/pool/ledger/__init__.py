"""The ledger: answers of people on disk, of which none is lost and none is counted twice."""

from alkit.pool.ledger.entry import Entry, is_person
from alkit.pool.ledger.ledger import Ledger

__all__ = ["Entry", "Ledger", "is_person"]
