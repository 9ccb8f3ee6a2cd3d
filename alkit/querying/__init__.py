"""Querying: predict the candidates, score them, and select a batch."""

from alkit.querying.acquisition import Acquisition
from alkit.querying.automatic import Auto
from alkit.querying.context import PoolContext
from alkit.querying.monitor import Monitor
from alkit.querying.phases import Phases
from alkit.querying.risk import Risk, estimate_risk
from alkit.querying.selection import select
from alkit.querying.tailor import Tailor
from alkit.storage import Storage

__all__ = [
    "Acquisition",
    "Auto",
    "Monitor",
    "Phases",
    "PoolContext",
    "Risk",
    "Storage",
    "Tailor",
    "estimate_risk",
    "select",
]
