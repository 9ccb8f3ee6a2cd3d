"""Sources of samples: images in a folder, texts and embeddings in a file, items of a dataset."""

from alkit.project.samples.images import Images
from alkit.project.samples.source import Shown, Source, Stamp

__all__ = ["Images", "Shown", "Source", "Stamp"]
