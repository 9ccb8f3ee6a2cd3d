"""The pool as a map: what is annotated, what was just queried, and what is left."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np

from alkit.errors import ConfigurationError
from alkit.plots.style import COLORS, axes, bare
from alkit.strategies.learner import ActiveLearner

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_TSNE = 3000  # samples: t-SNE of more takes minutes, PCA a moment


def pool_map(strategy: ActiveLearner, queried: Any = None, ax: Axes | None = None) -> Axes:
    """The samples of a strategy's pool in two dimensions, by the features of its model.

    Args:
        strategy: a built one; its features are mapped, or its outputs where it has none.
        queried: a Query, or dataset indices. Default: what was annotated in the newest round,
            where there has been more than the initial one.
        ax: where to draw. Default: a new figure.

    Returns:
        The Axes. Cost: a forward pass over the pool, then that of ``embedding_map``.
    """
    strategy.check_built("map")
    pool = strategy.train_pool
    if queried is None:
        rounds = pool.rounds
        queried = np.flatnonzero(rounds == rounds.max()) if rounds.max() > 0 else ()
    with closing(strategy.predictions(pool, np.arange(len(pool)))) as predictions:
        rows = [p.outputs.flatten(1) if p.features is None else p.features for p in predictions]  # type: ignore[union-attr]
    features = np.concatenate([part.float().cpu().numpy() for part in rows])
    return embedding_map(features, pool.annotated_indices, queried, ax)


def embedding_map(
    features: Any,
    annotated: Any = (),
    queried: Any = (),
    ax: Axes | None = None,
) -> Axes:
    """Samples in two dimensions: t-SNE of up to 3,000 of them, PCA of more.

    Unannotated samples are gray points, annotated ones squares, newly queried ones crosses with
    a rim; of distances in a t-SNE only the small ones mean something.

    Args:
        features: ``(N, D)``, of any kind; two columns are drawn as they are.
        annotated: rows that have a label.
        queried: rows that were just asked for; they are drawn as such, annotated or not.
        ax: where to draw. Default: a new figure.

    Returns:
        The Axes. Cost: t-SNE O(N log N), about 10 s for 3,000; PCA O(N D^2).

    Raises:
        ConfigurationError: features that are no table of numbers, or rows outside of it.
    """
    points = np.asarray(features, dtype=float)
    if points.ndim != 2 or not len(points) or not np.isfinite(points).all():
        raise ConfigurationError(
            f"features must be finite numbers (N, D), N at least 1; got {points.shape}."
        )
    state = np.zeros(len(points), dtype=int)
    for value, rows in ((1, annotated), (2, queried)):
        rows = np.asarray(rows, dtype=np.int64)
        if len(rows) and not 0 <= rows.min() <= rows.max() < len(points):
            raise ConfigurationError(
                f"rows run from 0 to {len(points) - 1}, got {rows.min()} to {rows.max()}."
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
    """Points ``(N, 2)``, and how they came about."""
    n, width = points.shape
    if width <= 2:
        return np.pad(points, ((0, 0), (0, 2 - width))), "the data as they are"
    if n <= MOST_TSNE and n > 4:
        from sklearn.manifold import TSNE

        tsne = TSNE(perplexity=min(30.0, (n - 1) / 3), init="pca", random_state=0)
        return tsne.fit_transform(points), f"t-SNE of {n} samples, {width} features"
    centered = points - points.mean(0)
    directions = np.linalg.svd(centered.T @ centered)[0][:, :2]
    flat = centered @ directions
    share = flat.var(0).sum() / max(centered.var(0).sum(), np.finfo(float).tiny)
    return flat, f"PCA of {n} samples, {width} features: {share:.0%} of their variance"
