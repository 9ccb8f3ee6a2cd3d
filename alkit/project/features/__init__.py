"""Features of samples: pixels, TF-IDF, frozen networks, or those of a file; kept on disk."""

from alkit.project.features.features import Features, compute

__all__ = ["Features", "compute"]
