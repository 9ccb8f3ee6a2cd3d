"""Maps of the pool: annotated, newly queried and unannotated samples."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from alkit.errors import ConfigurationError
from alkit.plots.style import COLORS, axes, bare
from alkit.pool.query import Query
from alkit.strategies.learner import ActiveLearner

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_TSNE = 3000  # samples; for more, t-SNE takes minutes and PCA seconds


def pool_map(
    strategy: ActiveLearner, queried: Query | ArrayLike | None = None, ax: Axes | None = None
) -> Axes:
    """Map of a strategy's pool in two dimensions, by the features of its model.

    Args:
        strategy: a built strategy; its features are mapped, or its outputs if it has none.
        queried: a Query, or dataset indices. Default: the samples annotated in the newest round,
            unless that is the initial one.
        ax: the Axes to draw on. Default: a new figure.

    Returns:
        The Axes. Cost: a forward pass over the pool, then that of ``embedding_map``.
    """
    strategy.check_built("map")
    pool = strategy.train_pool
    ids = pool.indices
    if queried is None:
        rounds = pool.rounds
        queried = np.flatnonzero(rounds == rounds.max()) if rounds.max() > 0 else ()
    with closing(strategy.predictions(pool, ids)) as predictions:
        rows = [p.outputs.flatten(1) if p.features is None else p.features for p in predictions]  # type: ignore[union-attr]
    features = np.concatenate([part.float().cpu().numpy() for part in rows])
    queried = pool.view(queried, labels=False).indices
    annotated, queried = (np.searchsorted(ids, part) for part in (pool.annotated_indices, queried))
    return embedding_map(features, annotated, queried, ax)


def embedding_map(
    features: ArrayLike,
    annotated: ArrayLike = (),
    queried: Query | ArrayLike = (),
    ax: Axes | None = None,
) -> Axes:
    """Map of samples in two dimensions: t-SNE for up to 3,000 samples, PCA for more.

    Unannotated samples are gray points, annotated ones squares, newly queried ones outlined
    crosses. In a t-SNE map, only small distances are meaningful.

    Args:
        features: ``(N, D)`` features of any kind; two columns are drawn unchanged.
        annotated: rows of the annotated samples.
        queried: rows of the newly queried samples, annotated or not.
        ax: the Axes to draw on. Default: a new figure.

    Returns:
        The Axes. Cost: t-SNE O(N log N), about 10 s for 3,000 samples; PCA O(N D^2).

    Raises:
        ConfigurationError: the features are not a table of finite numbers, or a row is out of
            range.
    """
    points = np.asarray(features, dtype=float)
    if points.ndim != 2 or not len(points) or not np.isfinite(points).all():
        raise ConfigurationError(
            f"features must be finite numbers (N, D) with N at least 1; got shape {points.shape}."
        )
    state = np.zeros(len(points), dtype=int)
    for value, rows in ((1, annotated), (2, queried)):
        rows = np.asarray(rows, dtype=np.int64)
        if len(rows) and not 0 <= rows.min() <= rows.max() < len(points):
            raise ConfigurationError(
                f"rows must be from 0 to {len(points) - 1}, got {rows.min()} to {rows.max()}."
            )
        state[rows] = value
    points, how = _flat(points)
    ax = axes(ax, 6.0, 5.2)
    looks = (
        ("unannotated", {"marker": ".", "color": "0.6", "s": 14, "linewidths": 0}),
        ("annotated", {"marker": "s", "color": COLORS[0], "s": 22, "linewidths": 0}),
        ("newly queried", {"marker": "X", "color": COLORS[1], "s": 60, "edgecolors": "black"}),
    )
    for value, (name, style) in enumerate(looks):
        part = points[state == value]
        if len(part):
            ax.scatter(*part.T, label=f"{name} ({len(part)})", **style)
    ax.legend(frameon=True, framealpha=0.85, edgecolor="0.85", fontsize=8)
    return bare(ax, how)


def _flat(points: np.ndarray) -> tuple[np.ndarray, str]:
    """Points ``(N, 2)``, and a description of the method."""
    n, width = points.shape
    if width <= 2:
        return np.pad(points, ((0, 0), (0, 2 - width))), "unchanged data"
    if n <= MOST_TSNE and n > 4:
        from sklearn.manifold import TSNE

        tsne = TSNE(perplexity=min(30.0, (n - 1) / 3), init="pca", random_state=0)
        return tsne.fit_transform(points), f"t-SNE of {n} samples, {width} features"
    centered = points - points.mean(0)
    directions = np.linalg.svd(centered.T @ centered)[0][:, :2]
    flat = centered @ directions
    share = flat.var(0).sum() / max(centered.var(0).sum(), np.finfo(float).tiny)
    return flat, f"PCA of {n} samples, {width} features: {share:.0%} of the variance"
