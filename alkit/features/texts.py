"""TF-IDF of texts, and its singular vectors."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from alkit.errors import FeaturesError

COMPONENTS = 100


def vectorized(texts: Sequence[str]) -> tuple[Any, Any]:
    """A fitted vectorizer, and the TF-IDF ``(N, V)`` of the texts.

    It counts words, or characters and pairs of these where spaces hardly separate words.

    Raises:
        FeaturesError: all texts are empty.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    first = "".join(texts[:1000])
    if first.count(" ") + first.count("\n") >= len(first) / 20:
        with suppress(ValueError):  # no word has two letters
            return _fitted(TfidfVectorizer(), texts)
    try:
        return _fitted(TfidfVectorizer(analyzer="char", ngram_range=(1, 2)), texts)
    except ValueError as error:
        raise FeaturesError(f"all {len(texts):,} texts are empty.") from error


def _fitted(vectorizer: Any, texts: Sequence[str]) -> tuple[Any, Any]:
    counts = vectorizer.fit_transform(texts)
    return vectorizer, counts


def singular_vectors(counts: Any, most: int = COMPONENTS, seed: int = 0) -> Any:
    """Truncated SVD for ``(N, V)`` counts; None if V is small enough to leave them as they are."""
    from sklearn.decomposition import TruncatedSVD

    if counts.shape[1] <= most:
        return None
    return TruncatedSVD(min(most, counts.shape[0]), random_state=seed % 2**32)
