"""Labels that were needed to reach an accuracy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from alkit.evidence import statistics
from alkit.evidence.records import Records
from alkit.evidence.summary import trials
from alkit.plots.curves import title
from alkit.plots.style import axes, dress, legend, look

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEVELS = 61  # a line
MARKED = 6  # every so many of them there is a marker


def labels_needed(records: Records, ax: Axes | None = None) -> Axes:
    """Annotated samples that were needed to reach a result, a line a strategy; lower is better.

    At each level the median over the finished trials, as in ``alkit.evidence.summary.labels_to``. A line
    ends at the best that half of its trials reached or more: what was not reached is not drawn,
    and the legend says how far each came.

    Args:
        records: of a comparison.
        ax: where to draw. Default: a new figure.

    Returns:
        The Axes. Better results stand at the right, also where lower ones are better.
    """
    ax = axes(ax)
    found = trials(records)
    half = "lower" if found.rising else "higher"
    for k, (name, values) in enumerate(found.values.items()):
        if not values:
            continue  # the reference, of which no trial is finished
        curves = found.curves(name)
        fitted = statistics.monotone(curves, rising=found.rising)
        start, end = np.quantile(fitted[:, [0, -1]], 0.5, axis=0, method=half)
        levels = np.linspace(start, end, LEVELS)
        needed = [
            np.median(statistics.labels_needed(found.annotated, curves, level, rising=found.rising))
            for level in levels
        ]
        words = f"{name}, to {end:.3f}"
        ax.plot(levels, needed, ms=4, lw=1.8, markevery=MARKED, label=words, **look(k))
    if not found.rising:
        ax.invert_xaxis()
    ax.set_xlabel(title(records.metric))
    ax.set_ylabel("annotated samples needed")
    legend(ax)
    return dress(ax, "lower is better; a line ends at the best that was reached")
