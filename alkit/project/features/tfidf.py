"""Features of texts without a network: TF-IDF and its singular vectors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from alkit.errors import ProjectError
from alkit.features.cache import ROWS, Cache, check_space
from alkit.features.reading import Read, read_ahead
from alkit.features.texts import COMPONENTS, singular_vectors, vectorized
from alkit.features.vectors import Job, Vectors, scaled


def tfidf(job: Job, read: Read) -> Vectors:
    """100 components of the TF-IDF of words, ``(N, 100)``, rows of one length.

    Texts with few spaces, as in Chinese or Japanese, are taken as single characters and pairs. The
    components depend on all texts, so they are computed again when there are others: about 20
    seconds for 100,000 short texts. A text of one rare word may have zeros.
    """
    recipe = f"{COMPONENTS} components of TF-IDF, seed {job.seed}"
    cache = Cache(job.folder, "tfidf", recipe)
    if (rows := cache.ordered(job.contents)) is not None:
        return Vectors(rows, job.names, job.contents)
    chunks = read_ahead(job, job.names, read, ROWS)
    texts = {name: text for done, items in chunks for name, text in zip(done, items)}
    good = [(name, key) for name, key in zip(job.names, job.contents) if name in texts]
    if not good:
        raise ProjectError(f"none of the {len(job.names):,} texts can be read.")
    names, contents = (list(parts) for parts in zip(*good))
    by_content = {key: texts[name] for name, key in good}
    check_space(job.folder, len(contents) * COMPONENTS * 4)
    rows = cache.write_chunks(contents, _components(by_content, contents, job.seed))
    return Vectors(rows, names, contents)


def _components(texts: dict[str, str], contents: Sequence[str], seed: int) -> Iterator[np.ndarray]:
    order = sorted(texts)  # by content: names and copies do not matter
    ordered = [texts[key] for key in order]
    _, counts = vectorized(ordered)
    svd = singular_vectors(counts, seed=seed)
    rows = counts.toarray() if svd is None else svd.fit_transform(counts)
    places = {key: place for place, key in enumerate(order)}
    yield scaled(rows)[[places[key] for key in contents]]
