"""Decision regions of a model of two-dimensional data, round by round."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch.utils.data import TensorDataset

from alkit.errors import ConfigurationError
from alkit.plots.style import COLORS, MARKERS, axes, dress
from alkit.pool import ActiveLearningDataset
from alkit.pool.query import Query
from alkit.strategies.learner import ActiveLearner

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GRID = 120  # points per side
MARGIN = 0.06  # around the data, as a share of their range


@dataclass(frozen=True, eq=False)
class Regions:
    """Snapshot of a model's predictions over the plane, for two-dimensional data.

    Attributes:
        x, y: ``(G,)`` coordinates of the grid.
        classes: ``(G, G)`` predicted classes; rows follow ``y``.
        points: ``(N, 2)`` samples of the pool.
        annotated: ``(A,)`` rows of the annotated samples in ``points``.
        labels: ``(A,)`` labels of the annotated samples.
        queried: ``(n,)`` rows of the queried samples; may be empty.
    """

    x: np.ndarray
    y: np.ndarray
    classes: np.ndarray
    points: np.ndarray
    annotated: np.ndarray
    labels: np.ndarray
    queried: np.ndarray


def regions(strategy: ActiveLearner, queried: Query | ArrayLike = ()) -> Regions:
    """Snapshot of a strategy's current predictions over the range of its pool; changes nothing.

    Keep one per round for ``decision_regions`` and ``animate_regions``.

    Args:
        strategy: a built strategy on samples of two numbers, with class labels.
        queried: a Query, or dataset indices.

    Raises:
        ConfigurationError: the samples do not have two numbers each.
    """
    strategy.check_built("draw")
    pool = strategy.train_pool
    ids = pool.annotated_indices
    queried = pool.view(queried, labels=False).indices
    view = pool.view(pool.indices, labels=False, scoring=True)
    samples = [view[k] for k in range(len(view))]
    first = samples[0][0] if isinstance(samples[0], tuple | list) else samples[0]
    if np.shape(first) != (2,):
        raise ConfigurationError(
            f"decision regions need samples of two numbers, shape (2,); these have shape "
            f"{tuple(np.shape(first))}. plots.pool_map draws a pool of any data."
        )
    points = np.stack([np.asarray(s[0] if isinstance(s, tuple | list) else s) for s in samples])
    low, high = points.min(0), points.max(0)
    edge = MARGIN * np.maximum(high - low, 1e-6)
    x, y = np.linspace(low - edge, high + edge, GRID).T
    grid = torch.from_numpy(np.stack(np.meshgrid(x, y), -1).reshape(-1, 2))
    like = torch.as_tensor(first).dtype
    everywhere = ActiveLearningDataset(TensorDataset(grid.to(like), torch.zeros(len(grid))))
    with closing(strategy.predictions(everywhere, np.arange(len(grid)))) as predictions:
        classes = torch.cat([prediction.guesses.cpu() for prediction in predictions])
    if classes.ndim != 1:
        raise ConfigurationError(
            "decision regions need one class for each point, and the model gives "
            f"{tuple(classes.shape[1:])} numbers: independent labels or values have no regions."
        )
    return Regions(
        x,
        y,
        classes.reshape(GRID, GRID).numpy(),
        points,
        np.searchsorted(pool.indices, ids),
        np.asarray(pool.labels_of(ids) if len(ids) else (), dtype=np.int64),
        np.searchsorted(pool.indices, queried),
    )


def decision_regions(shown: Regions | ActiveLearner, ax: Axes | None = None) -> Axes:
    """Predicted class at every point of the plane, with annotated and queried samples.

    Each class has a color, a marker and its number in the middle of its largest region.

    Args:
        shown: the result of ``regions``, or a strategy in its current state.
        ax: the Axes to draw on. Default: a new figure.

    Returns:
        The Axes.
    """
    if not isinstance(shown, Regions):
        shown = regions(shown)
    ax = axes(ax, 5.2, 4.6)
    for c in np.union1d(shown.classes, shown.labels).tolist():
        color, marker = COLORS[c % len(COLORS)], MARKERS[c % len(MARKERS)]
        inside = shown.classes == c
        if inside.any():
            ax.contourf(shown.x, shown.y, inside, levels=[0.5, 1.5], colors=[color], alpha=0.22)
            ax.contour(shown.x, shown.y, inside, levels=[0.5], colors="white", linewidths=1.5)
            row, column = _middle(inside)
            ax.text(shown.x[column], shown.y[row], str(c), fontsize=16, color=color, weight="bold",
                    ha="center", va="center", alpha=0.8)  # fmt: skip
        points = shown.points[shown.annotated[shown.labels == c]]
        ax.scatter(*points.T, s=34, color=color, marker=marker, edgecolors="black", linewidths=0.6,
                   zorder=3, label=f"class {c}")  # fmt: skip
    others = np.setdiff1d(np.arange(len(shown.points)), shown.annotated)
    ax.scatter(*shown.points[others].T, s=8, color="0.45", marker=".", linewidths=0)
    if len(shown.queried):
        ax.scatter(*shown.points[shown.queried].T, s=110, facecolors="none", edgecolors="black",
                   marker="o", linewidths=1.6, zorder=4, label="queried")  # fmt: skip
    ax.set_xlim(shown.x[0], shown.x[-1])
    ax.set_ylim(shown.y[0], shown.y[-1])
    ax.legend(loc="upper right", fontsize=8, framealpha=0.85, edgecolor="0.85")
    return dress(ax, f"{len(shown.annotated)} of {len(shown.points)} annotated", grid=False)


def animate_regions(frames: Sequence[Regions], path: str | Path, *, seconds: float = 0.8) -> Path:
    """Write the decision regions of each round as an animated GIF that loops.

    Args:
        frames: results of ``regions``, one per round.
        path: path of the GIF.
        seconds: duration of each frame.

    Returns:
        The path.

    Raises:
        ConfigurationError: there are no frames.
    """
    if not frames:
        raise ConfigurationError(
            "an animation needs at least one frame of plots.regions(strategy)."
        )
    import matplotlib.pyplot as plt
    from matplotlib.animation import FuncAnimation, PillowWriter

    figure, ax = plt.subplots(figsize=(5.2, 4.6), layout="constrained")

    def draw(k: int) -> list[Any]:
        ax.clear()
        return decision_regions(frames[k], ax).get_children()

    animation = FuncAnimation(figure, draw, len(frames), init_func=lambda: [])
    animation.save(path, PillowWriter(fps=1 / seconds), dpi=80)  # type: ignore[arg-type]
    plt.close(figure)
    return Path(path)


def _middle(inside: np.ndarray) -> tuple[int, int]:
    """The grid point farthest from the border of its region."""
    from scipy.ndimage import distance_transform_edt

    far = np.asarray(distance_transform_edt(np.pad(inside, 1)))[1:-1, 1:-1]
    row, column = np.unravel_index(far.argmax(), far.shape)
    return int(row), int(column)
