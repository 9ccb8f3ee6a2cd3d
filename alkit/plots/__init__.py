"""Pictures of records, with matplotlib: each function returns the Axes that it drew on."""

from alkit.plots.curves import COLORS, learning_curves, save, title

__all__ = ["COLORS", "learning_curves", "save", "title"]
