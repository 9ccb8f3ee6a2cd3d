"""Sources of samples: images in a folder, texts and embeddings in a file, items of a dataset."""

from alkit.project.samples.embeddings import Embeddings
from alkit.project.samples.images import Images
from alkit.project.samples.items import Items
from alkit.project.samples.source import Shown, Source, Stamp
from alkit.project.samples.texts import Texts

__all__ = ["Embeddings", "Images", "Items", "Shown", "Source", "Stamp", "Texts"]
