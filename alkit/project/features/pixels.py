"""Features of images without a network: principal components of small versions of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

from alkit.features.cache import ROWS, Cache
from alkit.features.components import COMPONENTS, SIDE, fitted_to, principal_components
from alkit.features.reading import read_ahead
from alkit.features.vectors import Job, Made, Vectors, scaled, vectors

CHUNK = 256
NOTE = (
    "The features are pixels. Those of a pretrained network would choose better: "
    'features="resnet18".'
)


def pixels(job: Job, read: Callable[[str, int], Image.Image]) -> Vectors:
    """50 principal components of the images at 32 x 32 pixels, ``(N, 50)``, rows of one length.

    The images are read once. The components depend on all images, so they are fitted again when
    there are others, which takes seconds; a renamed file changes nothing. They are fitted to
    10,000 images drawn by the seed, if there are more.

    Args:
        job: the samples.
        read: function ``read(name, side)`` to an image that is at least ``side`` pixels wide.
    """

    def make(todo: list[str]) -> Made:
        for done, images in read_ahead(job, todo, lambda name: small(read(name, SIDE)), CHUNK):
            yield done, np.stack(images).reshape(len(done), -1)

    raw = vectors(Cache(job.folder, "thumbnails", f"RGB {SIDE}"), job, make)
    recipe = f"{COMPONENTS} components of RGB {SIDE}, seed {job.seed}"
    cache = Cache(job.folder, "pixels", recipe)
    rows = cache.ordered(raw.contents)
    if rows is None:
        rows = cache.write_chunks(raw.contents, _components(raw, job.seed))
    return Vectors(rows, raw.names, raw.contents)


def small(image: Image.Image) -> np.ndarray:
    """An image as ``(32, 32, 3)`` bytes."""
    resized = image.resize((SIDE, SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return np.asarray(resized.convert("RGB"))


def _components(raw: Vectors, seed: int) -> Iterator[np.ndarray]:
    """Chunks of the scaled components of all images."""
    contents = np.array(raw.contents)
    _, unique = np.unique(contents, return_index=True)  # by content: names and copies do not matter
    unique = unique[fitted_to(len(unique), seed)]
    pca = principal_components(raw.rows[unique].astype(np.float32), seed=seed)
    for start in range(0, len(raw.rows), ROWS):
        yield scaled(pca.transform(raw.rows[start : start + ROWS].astype(np.float32)))
