"""Labels that were needed to reach an accuracy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from alkit.plots.curves import title
from alkit.plots.style import axes, dress, legend, look
from alkit.records import Records

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def labels_needed(records: Records, ax: Axes | None = None) -> Axes:
    """Annotated samples that were needed to reach a result, a line a strategy; lower is better.

    The mean curve over the trials, made monotone (isotonic regression), read the other way round:
    a marker a round, straight lines between. A line ends where its strategy came no further:
    what was not reached is not drawn, and the legend says how far each came.

    Args:
        records: of a comparison.
        ax: where to draw. Default: a new figure.

    Returns:
        The Axes.
    """
    ax = axes(ax)
    for k, name in enumerate(records.strategies):
        reached, annotated = _rising(*records.curves(name))
        ax.plot(reached, annotated, ms=4, lw=1.8, label=f"{name}, to {reached[-1]:.3f}", **look(k))
    ax.set_xlabel(title(records.metric))
    ax.set_ylabel("annotated samples needed")
    legend(ax)
    return dress(ax, "lower is better; a line ends at the best that was reached")


def _rising(annotated: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Results that never fall, and the annotated samples at each, to where the last is reached."""
    from sklearn.isotonic import isotonic_regression

    reached = isotonic_regression(values.mean(0))
    end = int(np.searchsorted(reached, reached[-1])) + 1
    return reached[:end], annotated[:end]
