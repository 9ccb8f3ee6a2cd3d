"""Measures and tests of learning curves, on plain arrays."""

from alkit.statistics.curves import areas

__all__ = ["areas"]
