"""Features of samples that do not change with training: components, frozen encoders, given ones."""

from alkit.features.making import check, make, recipe
from alkit.features.source import Source

__all__ = ["Source", "check", "make", "recipe"]
